// A control program that hands its lines to the test which has started it: `node control-pipe.mjs PORT`.
import { connect } from "node:net";

const socket = connect(Number(process.argv[2]), "127.0.0.1");
process.stdin.pipe(socket);
socket.pipe(process.stdout);
