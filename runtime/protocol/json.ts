export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
export type JsonObject = { [key: string]: Json };
/** A JSON Schema as it travels to a model; read as data, so left open. */
export type JsonSchema = { [key: string]: unknown };
