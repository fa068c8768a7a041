// Node's fetch with its defaults, and then `ws` on the connection of an agent that has carried requests.
const http = require("http");
const { WebSocket } = require("ws");

const base = process.argv[2];

async function main() {
  for (let number = 0; number < 3; number++) {
    const answer = await fetch(`http${base}/ws`, { method: "POST", body: JSON.stringify({ prompt: `node ${number}` }) });
    console.log(answer.status, (await answer.json()).response === `node ${number}`);
    console.log((await (await fetch(`http${base}/healthz`)).text()).trim());
  }
  const events = await fetch(`http${base}/ws`, {
    method: "POST", headers: { Accept: "text/event-stream" }, body: JSON.stringify({ prompt: "node events" }) });
  let text = "";
  for await (const piece of events.body) text += Buffer.from(piece).toString();
  console.log(text.includes('"response":"node events"'));
  // One connection for everything: the handshake comes after a page.
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  await new Promise(done => http.get(`http${base}/healthz`, { agent }, answer => answer.resume().on("end", () => setImmediate(done))));
  const socket = new WebSocket(`ws${base}/ws`, { agent });
  socket.on("open", () => socket.send("node socket"));
  socket.on("message", data => { console.log(String(data)); socket.close(); });
  socket.on("close", () => process.exit(0));
}
main().catch(error => { console.error(error); process.exit(1); });
