// A FluentServer of @fluent-org/logger as a process of its own: writes each entry as a line of JSON
// to the file, and its port to standard output once it listens.
//
//   node fluentd_server.js MODULE FILE '{"port": N, "path": "/…", "cert": "…", "key": "…",
//                                        "sharedKey": "…", "users": {"joe": "…"}, "hostname": "…"}'
"use strict";
const fs = require("fs");
const [module_, file, text] = process.argv.slice(2);
const { FluentServer } = require(module_);
const set = JSON.parse(text);
const out = fs.openSync(file, "a");

const server = new FluentServer({
	listenOptions: set.path ? { path: set.path } : { port: set.port || 0, host: "127.0.0.1" },
	tlsOptions: set.cert
		? { cert: fs.readFileSync(set.cert), key: fs.readFileSync(set.key) }
		: undefined,
	security: set.sharedKey
		? {
			serverHostname: set.hostname || "receiver",
			sharedKey: set.sharedKey,
			authorize: Boolean(set.users),
			userDict: set.users || {},
		}
		: undefined,
});

server.on("entry", (tag, time, record) => {
	const line = { tag, time: [time.epoch, time.nano], record };
	fs.writeSync(out, JSON.stringify(line) + "\n");
});
// The answer to what was taken is out before this runs.
process.on("SIGTERM", () => process.exit(0));
server.listen().then(() => console.log(server.port || 0));
