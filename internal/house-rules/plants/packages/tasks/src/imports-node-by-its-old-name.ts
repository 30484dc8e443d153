// breaks: unicorn(prefer-node-protocol)
import { once } from "events";

export const first = once;
