// What a checker says of the JavaScript client's types: each line that is wrong is marked.
import { Client, Problem, verify } from "mindia-tasks-client";

const client = new Client({ url: "http://a", key: "k" });
const task = await client.submit("VideoTranscoding", { video_id: "x" }, { priority: 1 });
const width: number = (await client.result(task)).width;
const text: string = (await client.result(task)).hls_master;
for await (const each of client.tasks({ status: "failed" })) console.log(each.error, width, text);
for await (const event of client.watch(task.id)) console.log(event.name, event.data);
await client.submitMany([{ type: "PluginExecution", payload: { plugin_name: "a", media_id: "b" }, tags: ["c"] }]);
for await (const line of client.logs(task.id, { attempt: 1 })) console.log(line.message);
console.log((await client.change(task.id, { priority: 3, tags: ["d"] })).deadline);
const video = await client.uploadVideo(new Blob([]), { then: ["checksum"] });
console.log(video.hls_url, (await verify("", {}, "")).type, new Error() instanceof Problem);
// @ts-expect-error: there is no such member
await client.submit("VideoTranscoding", { video: "x" });
// @ts-expect-error: there is no such type
await client.submit("VideoTranscodin", { video_id: "x" });
// @ts-expect-error: it is a number
await client.change(task.id, { priority: "high" });
// @ts-expect-error: it is a number
await client.submit("VideoTranscoding", { video_id: "x" }, { priority: "high" });

declare module "mindia-tasks-client" {
  interface TaskTypes {
    Greeting: { payload: { name: string }; result: { text: string } };
  }
}
const greeting: string = (await client.result(await client.submit("Greeting", { name: "Ada" }))).text;
console.log(greeting);
