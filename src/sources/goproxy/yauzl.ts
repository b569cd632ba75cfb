/** What is used of yauzl, to be imported when needed: a bundle finds the names of a CommonJS package only from here. */
export { fromRandomAccessReaderPromise, RandomAccessReader } from "yauzl";
