// Uploads a file with tus-js-client; cut off once in the middle if asked, and then continued as by another program.
import { createReadStream, statSync } from "node:fs";
import { PassThrough } from "node:stream";
import * as tus from "tus-js-client";

const { endpoint, key, file, chunkSize, cutAt, deferred, posts } = JSON.parse(process.env.ASKED);

function upload(options) {
  return new Promise((resolve, reject) => {
    const read = createReadStream(file);
    // One that is a file's knows its length.
    const made = new tus.Upload(deferred ? read.pipe(new PassThrough()) : read, {
      endpoint,
      headers: { Authorization: `Bearer ${key}` },
      metadata: { filename: "holiday.mp4", filetype: "video/mp4", tags: '["holiday"]' },
      uploadSize: deferred ? undefined : statSync(file).size,
      uploadLengthDeferred: deferred,
      overridePatchMethod: posts,
      chunkSize: chunkSize ?? Infinity,
      retryDelays: [100, 500, 1000, 2000, 4000, 8000],
      onError: reject,
      onSuccess: () => resolve(made.url),
      ...options(() => made, resolve),
    });
    made.start();
  });
}

let url;
if (cutAt) {
  url = await upload((made, resolve) => ({
    onProgress: async (sent) => {
      if (sent < cutAt) return;
      const here = made();
      await here.abort();
      resolve(here.url);
    },
  }));
}
url = await upload(() => (url ? { uploadUrl: url } : {}));
console.log(JSON.stringify({ url }));
process.exit(0);
