// Serves @supabase/lite on a real Postgres, with what version 0.10.0 gets wrong there put right.
//
// In: LITE_CONFIG in the environment, as JSON: {url: of the login role `authenticator`, schemas, publishable_key}.
// Out: one line of JSON, {port}, when it listens. Ends when its standard input ends, so it never outlives the tests.
import { createServer } from "node:http";
import { App } from "@supabase/lite";
import { PostgresConnection } from "@supabase/lite/postgres";

const config = JSON.parse(process.env.LITE_CONFIG);

// PostgREST's table of SQLSTATE classes; everything else that SQL raises is a 400.
const STATUS_BY_CLASS = {
  "08": 503, "09": 500, "0L": 403, "0P": 403, "25": 500, "28": 403, "2D": 500, "38": 500, "39": 500, "3B": 500,
  "40": 500, "53": 503, "54": 500, "55": 500, "57": 500, "58": 500, F0: 500, HV: 500, XX: 500,
};
// What PostgREST says when it finds no connection, or when one dies under a call.
const LOST_CONNECTION = {
  ECONNREFUSED: "PGRST000", CONNECT_TIMEOUT: "PGRST000", ECONNRESET: "PGRST001", CONNECTION_CLOSED: "PGRST001",
  CONNECTION_ENDED: "PGRST001", CONNECTION_DESTROYED: "PGRST001",
};
// Codes, and beginnings of codes, that lite translates well itself.
const TRANSLATED = ["PT", "PGRST", "42501", "42P01", "42883", "23505", "23503", "23502", "25006", "21", "22", "42"];

class Connection extends PostgresConnection {
  // Lite would grant everything to everybody, or skip the roles when no table has row-level security: always use roles.
  async ensureRlsContext() {
    this.rlsState = "active";
    return true;
  }

  // Lite answers 500 SUP for most SQLSTATEs and for connections that the driver lost.
  normalizeDbError(error) {
    const lost = LOST_CONNECTION[error?.code];
    if (lost) return raise(503, { code: lost, message: String(error.message), details: null, hint: null });
    const normal = super.normalizeDbError(error);
    const code = normal?.code;
    if (typeof code !== "string" || code.length !== 5 || TRANSLATED.some((known) => code.startsWith(known))) return normal;
    const { message, detail = null, hint = null } = normal;
    return raise(STATUS_BY_CLASS[code.slice(0, 2)] ?? 400, { code, message, details: detail, hint });
  }
}

// An error of kind PGRST carries its own status, code, details and hint.
function raise(status, body) {
  return { code: "PGRST", message: JSON.stringify(body), detail: JSON.stringify({ status, headers: {} }) };
}

// Lite turns JSON arguments into text before the driver does it again.
const json = { serialize: (value) => (typeof value === "string" ? value : JSON.stringify(value)), parse: JSON.parse };
const connection = new Connection({
  url: config.url,
  postgresOptions: {
    max: 10,
    onnotice() {},
    types: { json: { to: 114, from: [114], ...json }, jsonb: { to: 3802, from: [3802], ...json } },
  },
});
const app = new App({
  connection,
  api: { schemas: config.schemas, max_rows: 1000 },
  auth: { enabled: false, jwt_secret: "not-used-by-these-tests-0123456789", publishable_key: config.publishable_key },
});
await app.init();

async function answer({ method, headers, url }, content) {
  const body = ["GET", "HEAD"].includes(method) ? undefined : content;
  try {
    return await app.fetch(new Request(`http://127.0.0.1${url}`, { method, headers, body }), { peerAddress: null });
  } catch (error) {
    const code = LOST_CONNECTION[error?.code] ?? "PGRSTX00";
    return Response.json({ code, message: String(error), details: null, hint: null }, { status: 503 });
  }
}

const server = createServer(async (incoming, outgoing) => {
  const chunks = [];
  for await (const chunk of incoming) chunks.push(chunk);
  const answered = await answer(incoming, Buffer.concat(chunks));
  const content = Buffer.from(await answered.arrayBuffer());
  outgoing.writeHead(answered.status, { ...Object.fromEntries(answered.headers), "content-length": content.length });
  outgoing.end(content);
});
server.listen(0, "127.0.0.1", () => console.log(JSON.stringify({ port: server.address().port })));
process.stdin.resume().on("end", () => process.exit(0));
