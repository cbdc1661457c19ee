/** How many hosts of a task are told of; more of them would hide what matters. */
const HOSTS = 5;

const TASK = /^(?:TASK|RUNNING HANDLER) \[(.*)\] \**$/;
const RESULT = /^(changed|fatal|failed): \[([^\]]+?)(?: -> [^\]]+)?\]/;

/** Makes progress for people out of what ansible prints: each task as it begins, and where it changes or fails. */
export class Progress {
  readonly #report: (line: string) => void;
  #task = "";
  #hosts = 0;

  constructor(report: (line: string) => void) {
    this.#report = report;
  }

  line(text: string): void {
    const task = TASK.exec(text)?.[1];
    if (task !== undefined) {
      this.#task = task;
      this.#hosts = 0;
      this.#report(`task "${task}"`);
      return;
    }
    const [, result, host] = RESULT.exec(text) ?? [];
    if (host === undefined) return;
    this.#hosts += 1;
    const words = result === "changed" ? "changed" : "failed";
    if (this.#hosts <= HOSTS || words === "failed") {
      this.#report(`task "${this.#task}" ${words} on ${host}`);
    }
  }
}
