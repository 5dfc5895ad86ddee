// One drawing per frame, however much has changed.

let draw = () => {};
let asked = false;

/** What `update` calls. */
export function drawWith(function_) {
  draw = function_;
}

/** Something has changed: the page is drawn with the next frame. */
export function update() {
  if (asked) return;
  asked = true;
  requestAnimationFrame(() => {
    asked = false;
    draw();
  });
}

/** The same at once, for what needs the elements afterwards. */
export function updateNow() {
  draw();
}
