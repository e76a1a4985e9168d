/**
 * A real Chromium for tests of the status page: Debian's, driven by playwright-core.
 *
 *     openPage(...) --> [ page ] --console, pageerror, securitypolicyviolation--> problems
 *
 * Each page remembers what the browser complained about. Code for the page is text: it runs in the browser.
 */
import { pause } from "../support/eventually.js";
import { debian } from "./install.js";
import { npmBrowser } from "./npm-packages.js";

/** What the tests use of playwright-core, whose types are not installed. */
interface PlaywrightPage {
  goto(
    url: string,
    options?: { waitUntil?: "commit" | "load" },
  ): Promise<{ status(): number; text(): Promise<string> }>;
  evaluate(code: string): Promise<unknown>;
  on(event: "console", listener: (message: { type(): string; text(): string }) => void): void;
  on(event: "pageerror", listener: (error: Error) => void): void;
  addInitScript(code: string): Promise<void>;
  screenshot(options: { readonly path: string }): Promise<unknown>;
  readonly keyboard: { press(key: string): Promise<void>; type(text: string): Promise<void> };
  readonly mouse: { move(x: number, y: number): Promise<void> };
  innerText(selector: string): Promise<string>;
  fill(selector: string, text: string): Promise<void>;
  click(selector: string): Promise<void>;
}

interface PlaywrightContext {
  newPage(): Promise<PlaywrightPage>;
  close(): Promise<void>;
}

interface PlaywrightBrowser {
  newContext(options: ContextOptions): Promise<PlaywrightContext>;
  close(): Promise<void>;
}

/** How a person looks at a page. */
export interface ContextOptions {
  readonly viewport?: { readonly width: number; readonly height: number };
  readonly colorScheme?: "light" | "dark";
  readonly reducedMotion?: "reduce";
  readonly javaScriptEnabled?: boolean;
  readonly httpCredentials?: { readonly username: string; readonly password: string };
  readonly deviceScaleFactor?: number;
  readonly timezoneId?: string;
}

/** A page, with everything that its browser complained about. */
export class BrowserPage {
  readonly problems: string[] = [];
  readonly #page: PlaywrightPage;
  readonly #context: PlaywrightContext;

  constructor(page: PlaywrightPage, context: PlaywrightContext) {
    this.#page = page;
    this.#context = context;
    page.on("console", (message) => {
      if (message.type() === "error" || message.type() === "warning") this.problems.push(message.text());
    });
    page.on("pageerror", (error) => this.problems.push(String(error.stack)));
  }

  get keyboard(): PlaywrightPage["keyboard"] {
    return this.#page.keyboard;
  }

  get mouse(): PlaywrightPage["mouse"] {
    return this.#page.mouse;
  }

  /** Writes a picture of what is shown. */
  async picture(path: string): Promise<void> {
    await this.#page.screenshot({ path });
  }

  /** The text that a person sees; also without JavaScript. */
  text(): Promise<string> {
    return this.#page.innerText("body");
  }

  /** Fills a field of a form and sends the form. */
  async submit(field: string, text: string): Promise<void> {
    await this.#page.fill(field, text);
    await this.#page.click("form button");
  }

  click(selector: string): Promise<void> {
    return this.#page.click(selector);
  }

  /** Opens a URL and waits until it is loaded. Returns the code of the answer. */
  async open(url: string): Promise<number> {
    const response = await this.#page.goto(url);
    return response.status();
  }

  /** Evaluates an expression in the page. */
  async read<Value = string>(expression: string): Promise<Value> {
    // what an expression gives is known to the test alone
    return (await this.#page.evaluate(expression)) as Value;
  }

  /** Resolves when an expression is true in the page, or in the one that it goes to meanwhile. */
  async becomes(expression: string, withinMs = 15_000): Promise<void> {
    const deadline = performance.now() + withinMs;
    const isTrue = async () => {
      try {
        return await this.read<boolean>(`Boolean(${expression})`);
      } catch (error) {
        if (/context was destroyed/.test(String(error))) return false;
        throw error;
      }
    };
    while (!(await isTrue())) {
      if (performance.now() > deadline) {
        const text = await this.text();
        throw new Error(`not true within ${withinMs} ms: ${expression}\n${text.slice(0, 2_000)}`);
      }
      await pause(20);
    }
  }

  /** The problems so far without those of a connection that the test has cut. */
  get unexpectedProblems(): readonly string[] {
    return this.problems.filter(
      (text) => !/^Failed to load resource: net::ERR_|the server responded with a status of 5/.test(text),
    );
  }

  async close(): Promise<void> {
    await this.#context.close();
  }
}

/** One browser for all tests of a file. */
export class Browser {
  readonly #browser: PlaywrightBrowser;

  private constructor(browser: PlaywrightBrowser) {
    this.#browser = browser;
  }

  static async launch(): Promise<Browser> {
    const { chromium } = npmBrowser()("playwright-core");
    // a container gives neither user namespaces for the sandbox nor a large /dev/shm
    const args = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"];
    return new Browser(await chromium.launch({ executablePath: debian("chromium"), args }));
  }

  /** A new page with cookies, cache and credentials of its own. */
  async page(options: ContextOptions = {}): Promise<BrowserPage> {
    const context = await this.#browser.newContext({ viewport: { width: 1200, height: 900 }, ...options });
    const page = await context.newPage();
    await page.addInitScript(
      `addEventListener("securitypolicyviolation", (event) => console.error("CSP", event.violatedDirective, event.blockedURI))`,
    );
    return new BrowserPage(page, context);
  }

  async close(): Promise<void> {
    await this.#browser.close();
  }
}
