// breaks: nothing
export { injectable } from "tsyringe";
