// A compressed conversation over Node's `ws`: three long prompts, three answers, a clean close; prints what happens.
const { WebSocket } = require("ws");

const socket = new WebSocket(process.argv[2], { perMessageDeflate: { threshold: 0 } });
const prompt = "What is long is worth to be compressed. ".repeat(50);
let left = 3;
socket.on("message", data => {
  const frame = JSON.parse(data);
  if (frame.type === "session") console.log(Object.keys(socket._extensions).join());
  else console.log(frame.response === prompt ? "same" : "different");
  if (left-- > 0) socket.send(JSON.stringify({ prompt }));
  else socket.close(1000);
});
socket.on("close", code => console.log(`closed ${code}`));
socket.on("error", error => console.error(error));
