/** What is used of undici, to be imported when needed: a bundle finds the names of a CommonJS package only from here. */
export { EnvHttpProxyAgent, interceptors } from "undici";
