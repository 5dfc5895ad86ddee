// BullMQ, one job at a time per process: `node bullmq_tasks.mjs work | one N | many N | stamped N`.

import { appendFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { createRequire } from "node:module";

const { Queue, Worker } = createRequire(`${process.env.PEER_HOME}/`)("bullmq");
const { hostname, port } = new URL(process.env.REDIS_URL);
const connection = { host: hostname, port: Number(port), maxRetriesPerRequest: null };
const now = () => process.hrtime.bigint();

async function work(job) {
  if (job.name === "noop") return 1;
  const late = now() - BigInt(job.data.sent);
  appendFileSync(process.env.LATENCIES, `${late}\n`);
}

async function produce(what, count) {
  const queue = new Queue("bench", { connection });
  await queue.add("noop", {});
  const started = now();
  for (let i = 0; what === "one" && i < count; i++) await queue.add("noop", {});
  for (let i = 0; what === "many" && i < count; i += 500) {
    await queue.addBulk(Array.from({ length: Math.min(500, count - i) }, () => ({ name: "noop", data: {} })));
  }
  for (let i = 0; what === "stamped" && i < count; i++) {
    await queue.add("stamp", { sent: String(now()) });
    await sleep(20);
  }
  console.log(Number(now() - started) / 1e9);
  await queue.close();
}

if (process.argv[2] === "work") new Worker("bench", work, { connection, concurrency: 1 });
else await produce(process.argv[2], Number(process.argv[3]));
