import Foundation
import Pipeline
import PipelineCatalog
import Stages
import Testing

@testable import Server

/// What a changed file does to what is promised: each edit of one file, with the promises that get weaker by it.
@Suite("A changed file")
struct ComparedFilesTests {
    static let base = """
        pipeline: chat
        resources:
          model: {openai: {url: "http://127.0.0.1:9/v1", key: k, breaker: true, calls: 4}}
          spare: echo
          database: {sqlite: {path: data/s.db}}
          outbox: {disk: {path: data/q.db, size: 64MiB}}
        stages:
          - receive: {path: /ws, remember: 10m, on_disconnect: {hold: 60s}}
          - limit: {per: user, messages: 20, every: 1m, tokens: 1000}
          - validate: {resources: [model, database], max_length: 8000}
          - complete: {resource: model, fallback: [spare], timeout: 30s, max_tokens: 100}
            retry: {attempts: 3}
          - persist: {table: requests}
            async: {queue: outbox, capacity: 100, retry: {attempts: 5}, dead_letter: lost.jsonl}
          - respond
          - log
        host:
          auth: {keys: [{key: aaaa, user: ann}], jwt: {secret: 0123456789abcdef0123456789abcdef, issuer: me, audience: us}}
          origins: ["https://a.example"]
          trusted_proxies: [10.0.0.1]
          limits: {connections: 100, lifetime: 1h, message: 16KiB}
          tls: {certificate: c.pem, key: k.pem}
        """

    static let queue = "async: {queue: outbox, capacity: 100, retry: {attempts: 5}, dead_letter: lost.jsonl}"
    static let persist = "  - persist: {table: requests}\n    \(queue)\n"

    static func file(_ text: String) throws -> PipelineFile {
        let loader = PipelineLoader(
            registry: try Registry(stages: BuiltIn.stages, resources: BuiltIn.resources), environment: Environment(),
            sections: ["host": HostSettings.self])
        let loaded = loader.load(SourceFile(path: "chat.yaml", text: text))
        return try #require(loaded.file, "\(loaded.report)")
    }

    static func comparison(_ old: String, _ new: String) throws -> GuaranteeComparison {
        let (old, new) = (try file(old), try file(new))
        return GuaranteeComparison(of: [old], with: [new], host: (HostSettings.of([old]), HostSettings.of([new])))
    }

    private static func weaker(_ old: String, _ new: String) throws -> [String] {
        try comparison(old, new).changes(.weaker).map(\.title)
    }

    private static func changed(_ edits: [(String, String)]) throws -> String {
        try edits.reduce(base) { text, edit in
            try #require(text.contains(edit.0), "\(edit.0) is not there")
            return text.replacing(edit.0, with: edit.1)
        }
    }

    static let weakening: [(edits: [(String, String)], titles: [String])] = [
        ([("queue: outbox, ", "")], ["persist, a killed process", "persist, an outage", "persist, a lost machine"]),
        ([("capacity: 100", "capacity: 10")], ["persist, an outage"]),
        ([("size: 64MiB", "size: 32MiB")], ["persist, an outage"]),
        ([("capacity: 100", "capacity: 100, when_full: reject")], ["persist, a full queue"]),
        ([("capacity: 100", "capacity: 100, when_full: drop")], ["persist, a full queue"]),
        ([(", dead_letter: lost.jsonl", "")], ["persist, failures"]),
        ([("attempts: 5", "attempts: 4")], ["persist, attempts"]),
        ([(", retry: {attempts: 5}", "")], ["persist, attempts"]),
        ([("\n    retry: {attempts: 3}", "")], ["complete, attempts"]),
        ([(persist, ""), ("  - respond\n", "  - respond\n\(persist)")], ["persist, a killed process"]),
        (
            [(persist, "")],
            ["persist, stored messages"]
        ),
        ([("remember: 10m", "remember: 5m")], ["receive, messages that come again"]),
        ([("remember: 10m", "remember: off")], ["receive, messages that come again"]),
        ([("{hold: 60s}", "finish")], ["receive, clients that leave"]),
        ([("remember: 10m", "remember: 10m, concurrency: 4")], ["receive, order"]),
        ([("resources: [model, database]", "resources: [database]")], ["validate, ready resource"]),
        ([("resources: [model, database]", "resources: [model]")], ["validate, ready resource"]),
        ([(", max_length: 8000", "")], ["validate, longest prompt"]),
        ([("max_length: 8000", "max_length: 8001")], ["validate, longest prompt"]),
        (
            [("max_length: 8000}", "max_length: 8000}\n    when: {prompt: {longer_than: 3}}")],
            ["validate, refused messages"]
        ),
        ([("max_length: 8000}", "max_length: 8000}\n    on_error: continue")], ["validate, failures"]),
        (
            [
                ("  - validate: {resources: [model, database], max_length: 8000}\n", ""),
                (persist, "  - validate: {resources: [model, database], max_length: 8000}\n\(persist)"),
            ], ["validate, asked models"]
        ),
        ([("messages: 20", "messages: 21")], ["limit, messages"]),
        ([("every: 1m", "every: 50s")], ["limit, messages"]),
        ([("per: user", "per: session")], ["limit, messages"]),
        ([("tokens: 1000", "tokens: 2000")], ["limit, tokens"]),
        ([("tokens: 1000", "tokens: 1000, period: 1h")], ["limit, tokens"]),
        ([(", tokens: 1000", "")], ["limit, tokens"]),
        (
            [("  - limit: {per: user, messages: 20, every: 1m, tokens: 1000}\n", "")],
            ["limit, messages", "limit, tokens"]
        ),
        ([("max_tokens: 100", "max_tokens: 200")], ["complete, tokens of an answer"]),
        ([("fallback: [spare], ", "")], ["complete, fallback", "complete, errors with a fallback"]),
        (
            [("fallback: [spare]", "fallback: [spare], fallback_on: [model_timeout]")],
            ["complete, errors with a fallback"]
        ),
        ([("breaker: true", "breaker: false")], ["model, failing API"]),
        ([(", calls: 4", "")], ["model, calls at once"]),
        (
            [
                (
                    "keys: [{key: aaaa, user: ann}], jwt: {secret: 0123456789abcdef0123456789abcdef, issuer: me, audience: us}",
                    "keys: [bbbb], jwt: {secret: 0123456789abcdef0123456789abcdef, audience: us}"
                )
            ], ["host, issuer of tokens"]
        ),
        ([(", audience: us", "")], ["host, audience of tokens"]),
        ([(#"["https://a.example"]"#, #"["https://b.example"]"#)], ["host, origins"]),
        ([("[10.0.0.1]", "[10.0.0.0/8]")], ["host, trusted proxies"]),
        ([("connections: 100", "connections: 1000")], ["host, connections"]),
        ([("lifetime: 1h", "lifetime: 0")], ["host, lifetime"]),
        ([("message: 16KiB", "frames_per_second: 0")], ["host, message"]),
        ([("  tls: {certificate: c.pem, key: k.pem}", "  history: true")], ["host, history", "host, encryption"]),
        ([("  limits:", "  metrics: open\n  limits:")], ["host, metrics"]),
        ([("  limits:", "  drain: 5s\n  limits:")], ["host, a stop"]),
        ([("timeout: 30s", "timeout: 40s")], ["chat, longest wait"]),
        ([("  - respond\n", "  - respond:\n    when: {prompt: {longer_than: 3}}\n")], ["chat, answers"]),
    ]

    @Test("says each promise that got weaker, and no other", arguments: weakening.indices)
    func weakened(index: Int) throws {
        let (edits, titles) = Self.weakening[index]
        let changed = try Self.changed(edits)
        #expect(try Self.weaker(Self.base, changed) == titles)
        // The way back gives nothing up, but where one thing takes the place of another.
        let back = try Self.weaker(changed, Self.base)
        let gained = try Self.comparison(Self.base, changed).changes(.stronger).map(\.title)
        #expect(
            back.filter { !gained.contains($0) }.isEmpty || edits.contains { $0.1.contains("b.example") }, "\(back)")
    }

    static let harmless: [[(String, String)]] = [
        [],
        [("outbox", "mailbox")],
        [("database", "store"), ("spare", "other")],
        [("persist: {table: requests}", "persist: {table: requests}\n    label: keep")],
        [("  - log\n", ""), ("  - limit", "  - log\n  - limit")],
        [("  - respond\n  - log", "  - log\n  - respond")],
        [("aaaa", "bbbb")],
        [("calls: 4", "calls: 2"), ("messages: 20", "messages: 10"), ("attempts: 5", "attempts: 9")],
        [("capacity: 100", "capacity: 200"), ("size: 64MiB", "size: 1GiB")],
        [(persist, "  - background: {stages: [{persist: {table: requests}}], \(queue.dropFirst(8))\n")],
        [("- validate", "- transform: {metadata.x: y}\n  - validate")],
        [("stages:", "description: The same.\nstages:")],
    ]

    @Test("says nothing where no promise got weaker", arguments: harmless.indices)
    func unweakened(index: Int) throws {
        #expect(try Self.weaker(Self.base, try Self.changed(Self.harmless[index])).isEmpty)
    }

    @Test("that says the same in other words changes no promise at all", arguments: [0, 1, 2, 3, 4, 5, 6, 11])
    func unchanged(index: Int) throws {
        #expect(try Self.comparison(Self.base, try Self.changed(Self.harmless[index])).changes == [])
    }

    @Test("that stores behind the answer, or in the background, keeps less than one that stores before")
    func stored() throws {
        let awaited = Self.base.replacing(Self.persist, with: "  - persist: {table: requests}\n")
        let later = awaited.replacing(
            "  - persist: {table: requests}\n  - respond\n", with: "  - respond\n  - persist\n")
        let memory = Self.base.replacing(Self.queue, with: "async: true")
        #expect(try Self.weaker(awaited, later).contains("persist, a killed process"))
        #expect(try Self.weaker(awaited, memory).contains("persist, a killed process"))
        #expect(try Self.weaker(later, memory).contains("persist, a killed process"))
        #expect(try Self.weaker(awaited, Self.base) == ["persist, a lost machine"])
        #expect(try Self.weaker(later, awaited) == ["chat, longest wait"])
        let careless = awaited.replacing(
            "- persist: {table: requests}", with: "- persist: {table: requests}\n    on_error: continue")
        #expect(try Self.weaker(awaited, careless) == ["persist, failures"])
    }

    @Test("that trusts other keys of tokens is different, and says which")
    func tokenKeys() throws {
        func text(_ keys: String) -> String {
            "pipeline: chat\nresources: {model: echo}\nstages: [receive, complete, respond]\nhost: {auth: {jwt: {\(keys)}}}"
        }
        let changes = try Self.comparison(
            text("jwks: \"https://a.example/keys?k=hidden\""), text("jwks: \"https://b.example/keys\"")
        ).changes
        #expect(changes.map(\.title) == ["host, signature of tokens"])
        #expect(changes.map(\.direction) == [.different])
        #expect(changes.map(\.before) == ["tokens are checked by the key set at https://a.example/keys"])
    }

    @Test("never prints a secret")
    func secrets() throws {
        let text = try Self.comparison(
            Self.base, "pipeline: other\nstages:\n  - receive\n  - transform: {completion: x}\n  - respond"
        ).text
        for secret in ["aaaa", "0123456789abcdef"] { #expect(!text.contains(secret)) }
    }

    @Test("is compared by every setting of the host that promises something")
    func hostSettings() {
        let known: Set = [
            "limits", "trusted_proxies", "compression", "origins", "metrics", "auth", "tls", "history", "console",
            "tap", "drain",
        ]
        #expect(Set(HostSettings.settings.map(\.name)) == known)
        #expect(HostLimits.settings.count == HostLimits().guarantees.count)
    }
}

/// Golden files: `Against/NAME.expected` is exactly what `explain --against NAME.old.yaml NAME.new.yaml` prints.
///
/// `UPDATE_GOLDEN=1 swift test --filter AgainstFiles` writes the expectations anew; read the difference before you
/// commit it.
@Suite("explain --against")
struct AgainstFilesTests {
    private static let folder = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Against")

    @Test("prints what got weaker, what stronger, and what is different", arguments: ["weaker", "stronger", "same"])
    func golden(name: String) throws {
        let texts = try ["old", "new"].map {
            try String(contentsOf: Self.folder.appending(path: "\(name).\($0).yaml"), encoding: .utf8)
        }
        let text = try ComparedFilesTests.comparison(texts[0], texts[1]).text + "\n"
        let golden = Self.folder.appending(path: "\(name).expected")
        if ProcessInfo.processInfo.environment["UPDATE_GOLDEN"] != nil {
            try text.write(to: golden, atomically: true, encoding: .utf8)
        }
        #expect(text == (try String(contentsOf: golden, encoding: .utf8)))
    }

    @Test("pairs pipelines by name, wherever they stand, and says which one is gone")
    func severalPipelines() throws {
        func file(_ name: String, _ length: Int) throws -> PipelineFile {
            try ComparedFilesTests.file(
                """
                pipeline: \(name)
                resources: {model: echo}
                stages: [receive, {validate: {max_length: \(length)}}, complete, respond]
                """)
        }
        let old = try [file("one", 10), file("two", 20), file("three", 30)]
        let comparison = GuaranteeComparison(of: old, with: try [file("two", 20), file("one", 11)])
        let weaker = comparison.changes(.weaker)
        #expect(weaker.map(\.title) == ["validate, longest prompt", "three, the pipeline"])
        #expect(weaker.map(\.pipeline) == ["one", "three"])
        let renamed = GuaranteeComparison(of: [try file("one", 10)], with: [try file("uno", 10)])
        #expect(renamed.changes == [])
    }
}
