// Uses the client as its reader would. A line on stdout asks the test to have what waits run; it answers with one.

import assert from "node:assert/strict";
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";

const { Client, NoAnswer, Problem, TaskFailed, WaitTimeout, verify } = await import(pathToFileURL(process.argv[2]));
const VIDEO = { video_id: "550e8400-e29b-41d4-a716-446655440000" };
const answers = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const ask = async (word) => (console.log(word), (await answers.next()).value);
const drain = () => ask("drain");
const thrown = (call) => call.then(() => assert.fail("nothing was thrown"), (error) => error);

const client = new Client();

// tasks
const task = await client.submit("VideoTranscoding", VIDEO, { priority: 3, tags: ["a"], group: "user 7" });
assert.deepEqual([task.status, task.priority, task.tags, task.group], ["pending", 3, ["a"], "user 7"]);
const events = client.watch(task.id);
const first = (await events.next()).value;
assert.deepEqual([first.name, first.data.status], ["snapshot", "pending"]);
const result = client.result(task);
await drain();
assert.equal((await result).hls_master, "m");
const seen = [];
for await (const each of events) if (each.name === "status") seen.push(each.data.status);
assert.deepEqual(seen, ["processing", "completed"]);
assert.equal((await client.wait(task.id)).status, "completed");

const waits = await client.submit("VideoTranscoding", VIDEO);
assert((await thrown(client.wait(waits, { timeout: 0.02 }))) instanceof WaitTimeout);
assert.equal(await client.cancel(waits.id), "cancelled");
await client.delete(waits.id);
assert.equal((await thrown(client.get(waits.id))).code, "not_found");

const failing = await client.submit("PluginExecution", { plugin_name: "checksum", media_id: VIDEO.video_id });
await drain();
const failed = await thrown(client.result(failing));
assert(failed instanceof TaskFailed);
assert.match(failed.message, /The plugin is sick/);
assert.equal(await client.retry(failing.id), "scheduled");

for await (const line of client.logs(failing.id)) assert.equal(line.attempt, 1);
const waiting = await client.change((await client.submit("VideoTranscoding", VIDEO)).id, { delay_seconds: 60 });
assert.equal(waiting.status, "scheduled");
await client.cancel(waiting.id);

const [one, two] = [await client.submit("VideoTranscoding", VIDEO, { idempotencyKey: 'my "first" \\' }),
  await client.submit("VideoTranscoding", VIDEO, { idempotencyKey: 'my "first" \\' })];
assert.equal(one.id, two.id);

const batch = Array.from({ length: 101 }, () => ({ type: "VideoTranscoding", payload: VIDEO, flow: "f" }));
assert.equal((await client.submitMany(batch)).length, 101);
const listed = new Set();
for await (const each of client.tasks({ flow: "f" })) listed.add(each.id);
assert.equal(listed.size, 101);
assert.equal((await client.flow("f")).total, 101);
assert.equal((await client.quote("VideoTranscoding", VIDEO)).type, "VideoTranscoding");
assert.equal((await client.stats()).by_type.VideoTranscoding, 104);

// files
const bytes = Buffer.from(await ask("mp4"), "base64");
const video = await client.uploadVideo(new File([bytes], "clip.mp4"), { then: ["checksum"], tags: ["b"], keep_source: false });
assert.deepEqual([video.filename, video.keep_source, video.size], ["clip.mp4", false, bytes.length]);
for await (const each of client.tasks({ tag: "b", order: "created_at" })) assert.deepEqual(each.tags, ["b"]);
await client.deleteVideo(video.id);
assert.equal((await thrown(client.video(video.id))).status, 404);

// a large one, over connections that break twice
const large = new Uint8Array(20 * 1024 * 1024 + 11);
large.set(bytes);
const far = [];
const film = { then: ["checksum"], tags: ["c"], onProgress: (there) => far.push(there), idempotencyKey: "one film" };
const through = new Client({ url: await ask("break"), patience: 20 });
const whole = await through.uploadVideo(new File([large], "film.mp4"), film);
assert.deepEqual([whole.filename, whole.size, whole.tags], ["film.mp4", large.length, ["c"]]);
assert.equal(await ask("broken"), "2");
assert.equal(far.at(-1), large.length);
const stored = await (await fetch(new URL(whole.source_url, process.env.MINDIA_URL))).arrayBuffer();
assert(Buffer.compare(Buffer.from(stored), Buffer.from(large)) === 0);
assert.equal((await client.uploadVideo(new File([large], "film.mp4"), film)).id, whole.id);

// captions, transcoding again, search
const text = new Blob(["WEBVTT\n\n00:00.000 --> 00:01.000\nHello\n"]);
const caption = await client.uploadCaptions(whole.id, text, "en", { label: "English" });
assert.deepEqual((await client.captions(whole.id)).map((each) => each.label), ["English"]);
await client.deleteCaptions(whole.id, caption.id);
assert.deepEqual(await client.captions(whole.id), []);
assert.equal((await thrown(client.reprocessVideo(whole.id, { background: false }))).code, "not_transcoded");
const again = await client.reprocessVideos({ uploaded_from: "2001-01-01" }, { dry_run: true });
const counted = await client.waitOperation(again, { timeout: 60 });
assert.deepEqual([counted.done, counted.reasons.not_transcoded], [0, 1]);
const how = { options: { profile: "small" }, background: false, tags: ["again"] };
const begun = await client.reprocessVideos({ ids: [whole.id] }, { ...how, idempotencyKey: "again" });
assert.equal((await client.reprocessVideos({ ids: [whole.id] }, { ...how, idempotencyKey: "again" })).id, begun.id);
assert.deepEqual((await client.operation(begun.id)).how, how);
assert.equal((await thrown(client.waitOperation({ ...begun, status: "running" }, { timeout: 0 }))).name, "WaitTimeout");
assert.equal((await client.uploadAudioFrom("https://files.example.com/a.mp3")).filename, "a.mp3");
const hits = [];
for await (const each of client.hits({ like: whole.id }, { tag: "c", limit: 2 })) hits.push(each.filename);
assert.deepEqual(hits, ["0", "1", "2", "3", "4"]);
assert.equal((await client.searchByPicture(new File([Buffer.from(await ask("png"), "base64")], "a.png"), { limit: 2 })).count, 2);
assert.equal((await client.search("words", { cursor: (await client.search("words", { limit: 3 })).next_cursor })).results[0].filename, "3");

// problems
const wrong = await thrown(client.submit("VideoTranscoding", {}));
assert(wrong instanceof Problem);
assert.deepEqual([wrong.code, wrong.errors[0].pointer], ["invalid_content", "#/payload/video_id"]);
assert.equal((await thrown(new Client({ key: "no-such-key-at-all" }).stats())).code, "unauthorized");

// an end that the caller brings about
const controller = new AbortController();
const stopped = thrown(client.wait(one, { signal: controller.signal }));
controller.abort();
assert.equal((await stopped).name, "AbortError");

// webhooks
const { body, headers, secret } = JSON.parse(await ask("webhook"));
assert.equal((await verify(body, new Headers(headers), secret)).type, "task.completed");
for (const bad of [[`${body} `, headers, secret], [body, headers, "whsec_AAAA"], [body, {}, secret],
  [body, headers, secret, Date.now() / 1000 + 301]]) assert.match((await thrown(verify(...bad))).message, /signed/);

// repetition
const sent = [];
function client2(...script) {
  sent.length = 0;
  const fetch = async (_, options) => {
    sent.push({ at: performance.now(), key: options.headers["Idempotency-Key"], method: options.method });
    const [status, document, after] = script.shift();
    if (status === 0) throw new TypeError("fetch failed");
    return new Response(typeof document === "string" ? document : JSON.stringify(document), { status, headers: after ? { "Retry-After": after } : {} });
  };
  return new Client({ url: "http://gateway.test/", key: "k", fetch, patience: 5 });
}
const refused = (status, code, after, more) => [status, { status, code, detail: "…", ...more }, after];
await client2(refused(429, "queue_full", "1"), [0], refused(503, "unavailable"), [201, {}]).submit("Any", {});
assert.equal(sent.length, 4);
assert.equal(new Set(sent.map((each) => each.key)).size, 1);
assert(sent[0].key && sent[1].at - sent[0].at >= 995);
assert.equal((await thrown(client2(refused(429, "queue_full", "90")).submit("Any", {}))).code, "queue_full");
assert((await thrown(client2([0]).retry("1"))) instanceof NoAnswer);
assert.equal(sent.length, 1);
const unknown = refused(503, "not_confirmed", "", { task_ids: ["1"] });
assert.equal((await thrown(client2(unknown).call("POST", "/api/tasks"))).code, "not_confirmed");
await client2([0], refused(404, "not_found")).delete("1");
for (const status of [404, 200]) assert((await thrown(client2([status, "<html>"]).stats())) instanceof NoAnswer);
console.log("done");
process.exit();
