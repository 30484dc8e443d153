// breaks: one-window-per-library
export { injectable } from "tsyringe";
