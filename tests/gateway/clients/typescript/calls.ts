// Calls each operation once, with types made from the document: what it does not allow is not compiled.
import createClient from "openapi-fetch";
import type { operations, paths } from "./api.js";

declare const process: { env: { THINGS: string } };

type Answer = { response: Response };
const it = JSON.parse(process.env.THINGS);
const api = createClient<paths>({ baseUrl: it.url, headers: { Authorization: `Bearer ${it.key}` } });
const task = { type: "VideoTranscoding", payload: { video_id: "550e8400-e29b-41d4-a716-446655440000" } } as const;
const webhook = { path: { webhook_id: it.webhook_id } };
const plugin = { path: { name: "waveform" } };

function form(...bytes: number[]) {
  const made = new FormData();
  made.append("file", new Blob([new Uint8Array([...bytes, ...new Array(100).fill(0)])]), "clip");
  return { body: { file: "" }, bodySerializer: () => made };
}

async function opened(stream: Promise<Answer & { data?: ReadableStream | null }>): Promise<Answer> {
  const { data, response } = await stream;
  await data?.cancel();
  return { response };
}

type Called = Exclude<keyof operations, `receive_${string}`>; // those are called by us, at webhooks

const calls: Record<Called, () => Promise<Answer>> = {
  get_me: () => api.GET("/api/me"),
  list_tasks: () => api.GET("/api/tasks", { params: { query: { status: "scheduled", type: "VideoTranscoding" } } }),
  create_task: () =>
    api.POST("/api/tasks", { params: { header: { "Idempotency-Key": "two" } }, body: { ...task, priority: 3 } }),
  create_tasks: () => api.POST("/api/tasks/batch", { body: { tasks: [task, { ...task, delay_seconds: 60.5 }] } }),
  get_task_stats: () => api.GET("/api/tasks/stats"),
  get_task: () => api.GET("/api/tasks/{task_id}", { params: { path: { task_id: it.completed_id }, query: { wait: 1 } } }),
  cancel_task: () =>
    api.POST("/api/tasks/{task_id}/cancel", { params: { path: { task_id: it.scheduled_id }, query: { force: true } } }),
  retry_task: () => api.POST("/api/tasks/{task_id}/retry", { params: { path: { task_id: it.failed_id } } }),
  watch_task: () =>
    api.GET("/api/tasks/{task_id}/events", { params: { path: { task_id: it.completed_id } }, parseAs: "text" }),
  watch_tasks: () => opened(api.GET("/api/events", { parseAs: "stream" })),
  list_queues: () => api.GET("/api/queues"),
  change_queue: () =>
    api.PATCH("/api/queues/{type}", {
      params: { path: { type: "VideoTranscoding" } },
      body: { rate: 2.5, burst: 4, concurrency: null },
    }),
  list_workers: () => api.GET("/api/workers"),
  upload_video: () => api.POST("/api/videos", form(0, 0, 0, 24, ...new TextEncoder().encode("ftypisom"))),
  list_videos: () => api.GET("/api/videos", { params: { query: { limit: 5, offset: 0 } } }),
  get_video: () => api.GET("/api/videos/{video_id}", { params: { path: { video_id: it.video_id } } }),
  download_stream_file: () =>
    api.GET("/api/videos/{video_id}/stream/{signature}/{name}", {
      params: { path: { video_id: it.video_id, signature: it.signature, name: "master.m3u8" } },
      parseAs: "arrayBuffer",
    }),
  upload_image: () => api.POST("/api/images", form(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a)),
  list_images: () => api.GET("/api/images"),
  get_image: () => api.GET("/api/images/{image_id}", { params: { path: { image_id: it.image_id } } }),
  search_media: () => api.GET("/api/search", { params: { query: { q: "a dog", type: "video", min_similarity: -0.5 } } }),
  list_plugins: () => api.GET("/api/plugins"),
  get_plugin_config: () => api.GET("/api/plugins/{name}/config", { params: plugin }),
  replace_plugin_config: () =>
    api.PUT("/api/plugins/{name}/config", { params: plugin, body: { config: { points: 500 } } }),
  delete_plugin_config: () => api.DELETE("/api/plugins/{name}/config", { params: plugin }),
  execute_plugin: () =>
    api.POST("/api/plugins/{name}/execute", {
      params: { path: { name: "checksum" } },
      body: { media_id: it.video_id },
    }),
  download_plugin_file: () =>
    api.GET("/api/media/{media_id}/files/{signature}/{plugin}/{task_id}/{name}", {
      params: {
        path: {
          media_id: it.video_id,
          signature: it.signature,
          plugin: "thumbnail",
          task_id: it.plugin_task_id,
          name: "small.jpg",
        },
      },
      parseAs: "arrayBuffer",
    }),
  download_source_file: () =>
    api.GET("/api/media/{media_id}/source/{signature}", {
      params: { path: { media_id: it.video_id, signature: it.source_signature } },
      parseAs: "arrayBuffer",
    }),
  list_webhooks: () => api.GET("/api/webhooks"),
  create_webhook: () =>
    api.POST("/api/webhooks", {
      body: { url: "https://example.org", events: ["task.failed"], description: "mine", enabled: false },
    }),
  get_webhook: () => api.GET("/api/webhooks/{webhook_id}", { params: webhook }),
  change_webhook: () =>
    api.PATCH("/api/webhooks/{webhook_id}", { params: webhook, body: { events: ["task.completed"] } }),
  delete_webhook: () =>
    api.DELETE("/api/webhooks/{webhook_id}", { params: { path: { webhook_id: it.doomed_webhook_id } } }),
  rotate_webhook_secret: () =>
    api.POST("/api/webhooks/{webhook_id}/secret/rotate", { params: webhook, body: { overlap_seconds: 60 } }),
  list_deliveries: () => api.GET("/api/webhooks/{webhook_id}/deliveries", { params: webhook }),
  test_webhook: () => api.POST("/api/webhooks/{webhook_id}/test", { params: webhook }),
  resend_delivery: () =>
    api.POST("/api/webhooks/{webhook_id}/deliveries/{event_id}/resend", {
      params: { path: { webhook_id: it.webhook_id, event_id: it.event_id } },
    }),
  check_liveness: () => api.GET("/livez"),
  check_readiness: () => api.GET("/readyz"),
};

const statuses: Record<string, number> = {};
for (const [name, call] of Object.entries(calls)) {
  statuses[name] = (await call()).response.status;
}
console.log(JSON.stringify(statuses));
