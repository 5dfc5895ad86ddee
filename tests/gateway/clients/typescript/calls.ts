// Calls each operation once, with types made from the document: what it does not allow is not compiled.
import createClient from "openapi-fetch";
import type { operations, paths } from "./api.js";

declare const process: { env: { THINGS: string } };

type Answer = { response: Response };
const it = JSON.parse(process.env.THINGS);
const api = createClient<paths>({ baseUrl: it.url, headers: { Authorization: `Bearer ${it.key}` } });
const task = { type: "VideoTranscoding", payload: { video_id: "550e8400-e29b-41d4-a716-446655440000" } } as const;
const webhook = { path: { webhook_id: it.webhook_id } };
const operation = { params: { path: { operation_id: it.operation_id } } };
const failure = { params: { path: { failure_id: it.failure_id } } };
const tus = { "Tus-Resumable": "1.0.0" } as const;
const plugin = { path: { name: "waveform" } };

function form(...bytes: number[]) {
  const made = new FormData();
  made.append("file", new Blob([new Uint8Array([...bytes, ...new Array(100).fill(0)])]), "clip");
  return { body: { file: "" }, bodySerializer: () => made };
}

function captions() {
  const made = new FormData();
  made.append("file", new Blob(["WEBVTT\n\n00:01.000 --> 00:02.000\nHello\n"]), "captions.vtt");
  made.append("language", "en");
  return made;
}

async function opened(stream: Promise<Answer & { data?: ReadableStream | null }>): Promise<Answer> {
  const { data, response } = await stream;
  await data?.cancel();
  return { response };
}

type Called = Exclude<keyof operations, `receive_${string}`>; // those are called by us, at webhooks

const calls: Record<Called, () => Promise<Answer>> = {
  search_status: () => api.GET("/api/search/status"),
  list_uploads: () => api.GET("/api/uploads", { params: { query: { limit: 5 } } }),
  create_upload: () =>
    api.POST("/api/uploads", {
      params: { header: { ...tus, "Upload-Length": 5, "Upload-Metadata": "kind dmlkZW8=" } },
    }),
  get_upload: () => api.GET("/api/uploads/{upload_id}", { params: { path: { upload_id: it.upload_id } } }),
  continue_upload: () =>
    api.PATCH("/api/uploads/{upload_id}", {
      params: { path: { upload_id: it.upload_id }, header: { ...tus, "Upload-Offset": 0 } },
      headers: { "Content-Type": "application/offset+octet-stream" },
      body: "abc",
      bodySerializer: (body) => body,
    }),
  delete_upload: () =>
    api.DELETE("/api/uploads/{upload_id}", { params: { path: { upload_id: it.doomed_upload_id }, header: tus } }),
  get_me: () => api.GET("/api/me"),
  list_tasks: () => api.GET("/api/tasks", { params: { query: { status: "scheduled", type: "VideoTranscoding" } } }),
  create_task: () =>
    api.POST("/api/tasks", { params: { header: { "Idempotency-Key": "two" } }, body: { ...task, priority: 3 } }),
  create_tasks: () => api.POST("/api/tasks/batch", { body: { tasks: [task, { ...task, delay_seconds: 60.5 }] } }),
  get_flow: () => api.GET("/api/flows/{flow_id}", { params: { path: { flow_id: "f" } } }),
  get_task_stats: () => api.GET("/api/tasks/stats"),
  get_task: () => api.GET("/api/tasks/{task_id}", { params: { path: { task_id: it.completed_id }, query: { wait: 1 } } }),
  cancel_task: () =>
    api.POST("/api/tasks/{task_id}/cancel", { params: { path: { task_id: it.scheduled_id }, query: { force: true } } }),
  retry_task: () => api.POST("/api/tasks/{task_id}/retry", { params: { path: { task_id: it.failed_id } } }),
  watch_task: () =>
    api.GET("/api/tasks/{task_id}/events", { params: { path: { task_id: it.completed_id } }, parseAs: "text" }),
  watch_tasks: () => opened(api.GET("/api/events", { parseAs: "stream" })),
  get_task_logs: () =>
    api.GET("/api/tasks/{task_id}/logs", {
      params: { path: { task_id: it.completed_id }, query: { attempt: 1, limit: 5 } },
    }),
  watch_task_logs: () =>
    api.GET("/api/tasks/{task_id}/logs/events", { params: { path: { task_id: it.completed_id } }, parseAs: "text" }),
  list_queues: () => api.GET("/api/queues"),
  change_queue: () =>
    api.PATCH("/api/queues/{type}", {
      params: { path: { type: "VideoTranscoding" } },
      body: { rate: 2.5, burst: 4, concurrency: null },
    }),
  quote_task: () => api.POST("/api/quotes", { body: task }),
  change_task: () =>
    api.PATCH("/api/tasks/{task_id}", {
      params: { path: { task_id: it.waiting_id } },
      body: { priority: 9, delay_seconds: 5.5, tags: ["x"] },
    }),
  create_operation: () =>
    api.POST("/api/operations", { body: { action: "retry", filter: { error: "none", status: "failed" }, force: false, dry_run: true } }),
  list_operations: () => api.GET("/api/operations"),
  get_operation: () => api.GET("/api/operations/{operation_id}", operation),
  cancel_operation: () => api.POST("/api/operations/{operation_id}/cancel", operation),
  list_failures: () => api.GET("/api/failures", { params: { query: { state: ["open", "ignored"] } } }),
  get_failure: () => api.GET("/api/failures/{failure_id}", failure),
  resolve_failure: () => api.POST("/api/failures/{failure_id}/resolve", failure),
  ignore_failure: () => api.POST("/api/failures/{failure_id}/ignore", failure),
  reopen_failure: () => api.POST("/api/failures/{failure_id}/reopen", failure),
  retry_failure: () => api.POST("/api/failures/{failure_id}/retry", failure),
  delete_task: () => api.DELETE("/api/tasks/{task_id}", { params: { path: { task_id: it.doomed_task_id } } }),
  delete_video: () => api.DELETE("/api/videos/{video_id}", { params: { path: { video_id: it.doomed_video_id } } }),
  delete_image: () => api.DELETE("/api/images/{image_id}", { params: { path: { image_id: it.doomed_image_id } } }),
  get_queue_history: () => api.GET("/api/queues/history"),
  simulate_queues: () => api.POST("/api/queues/simulate", { body: { limits: { VideoTranscoding: { rate: 5 } } } }),
  get_workers_wanted: () => api.GET("/api/autoscale"),
  drain_worker: () => api.POST("/api/workers/{name}/drain", { params: { path: { name: it.worker } } }),
  get_tenant_settings: () => api.GET("/api/tenants/{name}", { params: { path: { name: "acme" } } }),
  replace_tenant_settings: () =>
    api.PUT("/api/tenants/{name}", {
      params: { path: { name: "acme" } },
      body: { weight: 2, caps: { VideoTranscoding: { concurrency: 3, rate: null } } },
    }),
  create_hold: () => api.POST("/api/holds", { body: { group: "odd", reason: "tried" } }),
  list_holds: () => api.GET("/api/holds"),
  delete_hold: () => api.DELETE("/api/holds/{hold_id}", { params: { path: { hold_id: it.hold_id } } }),
  list_workers: () => api.GET("/api/workers"),
  upload_video: () => api.POST("/api/videos", form(0, 0, 0, 24, ...new TextEncoder().encode("ftypisom"))),
  list_videos: () => api.GET("/api/videos", { params: { query: { limit: 5, offset: 0 } } }),
  reprocess_video: () =>
    api.POST("/api/videos/{video_id}/reprocess", { params: { path: { video_id: it.video_id } }, body: { background: true } }),
  reprocess_videos: () => api.POST("/api/videos/reprocess", { body: { filter: {}, dry_run: true, background: true } }),
  get_thumbnail: () =>
    api.GET("/api/videos/{video_id}/thumbnail", {
      params: { path: { video_id: it.video_id }, query: { time: 0, width: 640 } },
      parseAs: "blob",
    }),
  download_thumbnail: () =>
    api.GET("/api/videos/{video_id}/thumbnail/{signature}", {
      params: { path: { video_id: it.video_id, signature: it.signature } },
      parseAs: "blob",
    }),
  get_image_thumbnail: () =>
    api.GET("/api/images/{image_id}/thumbnail", {
      params: { path: { image_id: it.image_id }, query: { width: 640 } },
      parseAs: "blob",
    }),
  download_image_thumbnail: () =>
    api.GET("/api/images/{image_id}/thumbnail/{signature}", {
      params: { path: { image_id: it.image_id, signature: it.image_signature } },
      parseAs: "blob",
    }),
  download_video: () =>
    api.GET("/api/videos/{video_id}/download", {
      params: { path: { video_id: it.video_id }, query: { variant: "9p" } },
      parseAs: "blob",
    }),
  download_linked_video: () =>
    api.GET("/api/videos/{video_id}/download/{signature}", {
      params: { path: { video_id: it.video_id, signature: it.signature } },
      parseAs: "blob",
    }),
  upload_captions: () =>
    api.POST("/api/videos/{video_id}/captions", {
      params: { path: { video_id: it.video_id } },
      body: { file: "", language: "en" },
      bodySerializer: () => captions(),
    }),
  list_captions: () => api.GET("/api/videos/{video_id}/captions", { params: { path: { video_id: it.video_id } } }),
  delete_captions: () =>
    api.DELETE("/api/videos/{video_id}/captions/{caption_id}", {
      params: { path: { video_id: it.video_id, caption_id: it.caption_id } },
    }),
  get_video: () => api.GET("/api/videos/{video_id}", { params: { path: { video_id: it.video_id } } }),
  download_stream_file: () =>
    api.GET("/api/videos/{video_id}/stream/{signature}/{name}", {
      params: { path: { video_id: it.video_id, signature: it.signature, name: "master.m3u8" } },
      parseAs: "arrayBuffer",
    }),
  upload_image: () => api.POST("/api/images", form(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a)),
  list_images: () => api.GET("/api/images"),
  get_image: () => api.GET("/api/images/{image_id}", { params: { path: { image_id: it.image_id } } }),
  upload_audio: () => api.POST("/api/audios", form(0x49, 0x44, 0x33, 0x04)),
  list_audios: () => api.GET("/api/audios"),
  get_audio: () => api.GET("/api/audios/{audio_id}", { params: { path: { audio_id: it.audio_id } } }),
  delete_audio: () => api.DELETE("/api/audios/{audio_id}", { params: { path: { audio_id: it.doomed_audio_id } } }),
  upload_document: () => api.POST("/api/documents", form(0x25, 0x50, 0x44, 0x46, 0x2d, 0x31, 0x2e, 0x34)),
  list_documents: () => api.GET("/api/documents"),
  get_document: () => api.GET("/api/documents/{document_id}", { params: { path: { document_id: it.document_id } } }),
  delete_document: () =>
    api.DELETE("/api/documents/{document_id}", { params: { path: { document_id: it.doomed_document_id } } }),
  search_by_picture: () =>
    api.POST("/api/search", { ...form(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a), body: { file: "", limit: 5 } }),
  search_media: () => api.GET("/api/search", { params: { query: { q: "a dog", type: "video", min_similarity: -0.5, min_relevance: 0 } } }),
  list_plugins: () => api.GET("/api/plugins"),
  list_profiles: () => api.GET("/api/profiles"),
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
  get_source_file: () =>
    api.GET("/api/media/{media_id}/source/{signature}/{name}", {
      params: { path: { media_id: it.pdf_id, signature: it.pdf_signature, name: "a.pdf" } },
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
  list_keys: () => api.GET("/api/keys", { params: { query: { tenant: "acme" } } }),
  create_key: () =>
    api.POST("/api/keys", { body: { name: "ci", scopes: ["read"], tenant: "acme", expires_at: "2100-01-01" } }),
  get_key: () => api.GET("/api/keys/{key_id}", { params: { path: { key_id: it.key_id } } }),
  rotate_key: () =>
    api.POST("/api/keys/{key_id}/rotate", { params: { path: { key_id: it.key_id } }, body: { overlap_seconds: 60 } }),
  delete_key: () => api.DELETE("/api/keys/{key_id}", { params: { path: { key_id: it.doomed_key_id } } }),
  list_changes: () => api.GET("/api/audit", { params: { query: { action: "key.created", limit: 5 } } }),
  get_usage: () => api.GET("/api/usage", { params: { query: { by: ["type", "day"], from: "2024-01-01", to: "2024-01-31" } } }),
  get_metrics: () => api.GET("/metrics", { parseAs: "text" }),
  check_liveness: () => api.GET("/livez"),
  check_readiness: () => api.GET("/readyz"),
};

const statuses: Record<string, number> = {};
for (const [name, call] of Object.entries(calls)) {
  statuses[name] = (await call()).response.status;
}
console.log(JSON.stringify(statuses));
