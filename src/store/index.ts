export { type DownloadOptions, type DownloadProgress, downloadBlobs } from "./download.ts";
export {
  backOff,
  defaultPatience,
  type HttpAnswer,
  type HttpResponse,
  httpGet,
  httpRequest,
  isTemporary,
  type Patience,
  retryAfter,
} from "./http.ts";
export { oldestLease, withLease } from "./lease.ts";
export { withStoreLock } from "./locks.ts";
export { openStore, type Store } from "./store.ts";
export { findLeftovers, type Leftover } from "./temporary.ts";
export type { DownloadItem } from "./transfer.ts";
export { noteUse, whileCollecting } from "./use.ts";
