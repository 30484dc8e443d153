// What `npm run check` lints with: the rules of .oxlintrc.json, which editors find by themselves, and the house rules.
import { readFileSync } from "node:fs";
import { houseRules } from "./internal/house-rules/src/overrides.mjs";

const comments = /^\s*\/\/.*$/gm;
const everywhere = JSON.parse(
  readFileSync(new URL(".oxlintrc.json", import.meta.url), "utf8").replace(comments, ""),
);

export default {
  ...everywhere,
  rules: { ...everywhere.rules, ...houseRules.rules },
  overrides: houseRules.overrides,
};
