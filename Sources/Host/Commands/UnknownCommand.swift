import ArgumentParser
import Glibc
import Pipeline

/// An unknown command, or an option of another program's: what was probably meant.
struct UnknownCommand: CustomStringConvertible {
    let description: String

    /// - Parameters:
    ///   - arguments: What follows the program's name.
    ///   - commands: Those that there are.
    /// - Returns: `nil` where the first argument is a command, and its options are its own.
    init?(in arguments: [String], commands: [String]) {
        guard let first = arguments.first, first != "help" else { return nil }
        if ["-v", "-V", "-version"].contains(first) {
            description = "there is no option '\(first)'; did you mean '--version'?"
            return
        }
        guard !first.hasPrefix("-") else { return nil }
        let rest = arguments.dropFirst()
        guard commands.contains(first) else {
            description = Self.problem(of: first, commands: commands)
            return
        }
        let options = rest.prefix { $0 != "--" }
        guard ["serve", "record"].contains(first),
            let option = options.first(where: { Self.foreign[Self.name(of: $0)] != nil }),
            let own = Self.foreign[Self.name(of: option)]
        else { return nil }
        description = "'\(first)' has no option '\(Self.name(of: option))'; \(own)"
    }

    private static func problem(of word: String, commands: [String]) -> String {
        if word.hasSuffix(".yaml") || word.hasSuffix(".yml") {
            return "'\(word)' is not a command; did you mean 'serve \(word)'?"
        }
        if let way = ways[word] { return "there is no command '\(word)'; \(way)" }
        if let other = others[word] { return "there is no command '\(word)'; did you mean '\(other)'?" }
        let meant = Spelling.nearest(to: word, among: commands).map { "did you mean '\($0)'?" }
        return "there is no command '\(word)'; \(meant ?? "there are: \(commands.joined(separator: ", "))")"
    }

    private static func name(of option: String) -> String { String(option.prefix { $0 != "=" }) }

    /// Commands of other programs.
    private static let others = [
        "run": "serve", "start": "serve", "up": "serve", "dev": "serve", "launch": "serve", "listen": "serve",
        "validate": "check", "lint": "check", "verify": "check", "config": "check", "list": "stages", "ls": "stages",
        "show": "stages", "init": "new pipeline", "create": "new pipeline", "generate": "new pipeline", "draw": "graph",
        "plot": "graph", "diagram": "graph", "describe": "explain", "plan": "explain", "version": "--version",
        "upgrade": "migrate", "status": "doctor", "history": "sessions",
    ]

    /// What service managers do with a running host.
    private static let ways = [
        "stop": "SIGTERM stops a host, as Ctrl-C and 'systemctl stop' do",
        "kill": "SIGTERM stops a host, as Ctrl-C and 'systemctl stop' do",
        "reload": "SIGHUP makes a host read its files again, as 'systemctl reload' does",
        "restart": "restart a host with what runs it, such as 'systemctl restart'",
        "logs": "a host logs to standard error; 'journalctl -u UNIT' shows what a unit logged",
        "log": "a host logs to standard error; 'journalctl -u UNIT' shows what a unit logged",
        "backup": "docs/deploying.md says how a database and a queue are copied while the host runs",
    ]

    private static let tls = "the file has it: 'host: {tls: {certificate: …, key: …}}'"
    private static let foreground = "it stays in the foreground, as systemd wants it: packaging has a unit"

    /// Options of other servers.
    private static let foreign = [
        "--reload": "did you mean '--watch'?", "-p": "did you mean '--port'?", "--bind": "did you mean '--host'?",
        "-b": "did you mean '--host'?", "--address": "did you mean '--host'?", "--listen": "did you mean '--host'?",
        "-H": "did you mean '--host'?", "--env": "did you mean '--env-file'?", "-e": "did you mean '--env-file'?",
        "-w": "did you mean '--watch'?", "--workers": "it uses every core by itself",
        "--log-level": "write LOG_LEVEL=debug before the command",
        "--debug": "write LOG_LEVEL=debug before the command",
        "-v": "write LOG_LEVEL=debug before the command", "--verbose": "write LOG_LEVEL=debug before the command",
        "--ssl-certfile": tls, "--ssl-keyfile": tls, "--tls": tls, "--ssl": tls, "--https": tls, "--cert": tls,
        "--certificate": tls, "--key": tls, "--daemon": foreground, "--daemonize": foreground, "-d": foreground,
        "--detach": foreground, "--background": foreground,
        "-f": "the files follow the command, without an option",
        "--file": "the files follow the command, without an option",
        "--config": "the files follow the command, without an option",
        "-c": "the files follow the command, without an option",
    ]
}
