// The guide's own client: its functions to the letter, given a base address and a clip. Only the one look-up of the
// workflow is repeated, over what else the task may be by then, because a worker may be slower or faster than this.
import { readFile } from 'node:fs/promises';

const apiKey = process.env.API_KEY;
const outward = globalThis.fetch;
const fetch = (path, options) => outward(new URL(path, process.env.BASE_URL), options);

async function waitForTaskCompletion(taskId, pollInterval = 2000) {
  while (true) {
    const response = await fetch(`/api/tasks/${taskId}`, {
      headers: { 'Authorization': `Bearer ${apiKey}` }
    });
    const task = await response.json();
    
    if (task.status === 'completed') {
      return task;
    } else if (task.status === 'failed') {
      throw new Error(`Task failed: ${task.error}`);
    } else if (task.status === 'cancelled') {
      throw new Error('Task was cancelled');
    }
    
    // Wait before next poll
    await new Promise(resolve => setTimeout(resolve, pollInterval));
  }
}

const formData = new FormData();
formData.append('file', new Blob([await readFile(process.env.CLIP)]), 'clip.mp4');

// 1. Upload a video (creates transcoding task)
const videoResponse = await fetch('/api/videos', {
  method: 'POST',
  headers: { 'Authorization': `Bearer ${apiKey}` },
  body: formData
});
const { id: videoId } = await videoResponse.json();

// 2. Find the transcoding task
let transcodingTask;
for (let round = 0; !transcodingTask && round < 100; round++) {
  for (const status of ['processing', 'pending', 'completed', 'failed']) {
    const tasksResponse = await fetch(
      `/api/tasks?type=VideoTranscoding&status=${status}`,
      { headers: { 'Authorization': `Bearer ${apiKey}` } }
    );
    const { tasks } = await tasksResponse.json();
    transcodingTask ??= tasks.find(t => 
      t.payload.video_id === videoId
    );
  }
}

// 3. Monitor task completion
const report = { videoId, found: Boolean(transcodingTask) };
if (transcodingTask) {
  try {
    const completedTask = await waitForTaskCompletion(transcodingTask.id);
    report.status = completedTask.status;
  } catch (error) {
    report.error = error.message;
    const failedTask = await (await fetch(`/api/tasks/${transcodingTask.id}`, {
      headers: { 'Authorization': `Bearer ${apiKey}` }
    })).json();

    // Retry if appropriate
    report.mayRetry = failedTask.retry_count < failedTask.max_retries;
    if (failedTask.retry_count < failedTask.max_retries) {
      const retried = await fetch(`/api/tasks/${failedTask.id}/retry`, {
        method: 'POST',
        headers: { 'Authorization': `Bearer ${apiKey}` }
      });
      report.retried = await retried.json();
    }
  }
}
console.log(JSON.stringify(report));
