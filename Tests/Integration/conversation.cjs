// A conversation over Node's `ws`: two prompts, two answers, a clean close; prints what happens.
const { WebSocket } = require("ws");

const socket = new WebSocket(process.argv[2]);
const prompts = ["one", "two"];
socket.on("message", data => {
  const frame = JSON.parse(data);
  console.log(frame.type === "response" ? `response: ${frame.response}` : frame.type);
  const next = prompts.shift();
  if (next) socket.send(JSON.stringify({ prompt: next }));
  else socket.close(1000);
});
socket.on("close", code => console.log(`closed ${code}`));
socket.on("error", error => console.error(error));
