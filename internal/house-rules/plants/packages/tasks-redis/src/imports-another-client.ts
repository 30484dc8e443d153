// breaks: backends-sit-on-contracts, one-window-per-library
export { Pool } from "pg";
