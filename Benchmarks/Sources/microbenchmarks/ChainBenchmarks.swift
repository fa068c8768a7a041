import CoreMetrics
import Server
import Pipeline
import Resources
import Stages

/// What the engine itself costs around stages.
enum ChainBenchmarks {
    static func all() async throws -> [Microbenchmark] {
        // As `serve` has it: with metrics.
        let metrics = PrometheusMetrics()
        let flow = try withMetricsFactory(metrics) { try makeFlow() }
        let unmetered = try makeFlow()
        try await flow.open()
        try await unmetered.open()
        let shouting = try withMetricsFactory(metrics) {
            try Chain {
                Receive(); Shout()
            }
        }
        let waiting = try withMetricsFactory(metrics) {
            try Chain {
                Receive(); ShoutWithAsync()
            }
        }
        let trivial = try withMetricsFactory(metrics) { try makeTrivial() }
        let bare = trivial.stages
        let reply = Nobody()
        return [
            Microbenchmark(name: "chain") { count in
                for _ in 0..<count {
                    var message = Message(prompt: "What is 2 + 2?", session: session, reply: reply)
                    _ = try flow.runWithoutWaiting(&message)
                }
            },
            Microbenchmark(name: "chain-without-metrics") { count in
                for _ in 0..<count {
                    var message = Message(prompt: "What is 2 + 2?", session: session, reply: reply)
                    _ = try unmetered.runWithoutWaiting(&message)
                }
            },
            Microbenchmark(name: "shout") { count in
                for _ in 0..<count {
                    var message = Message(prompt: "What is 2 + 2?", session: session, reply: reply)
                    let waits = try shouting.runWithoutWaiting(&message) != nil
                    precondition(!waits, "a stage without 'async' costs a task")
                }
            },
            Microbenchmark(name: "shout-with-async") { count in
                for _ in 0..<count { try await runWithTask(through: waiting, reply) }
            },
            Microbenchmark(name: "plain-loop") { count in
                var message = Message(prompt: "What is 2 + 2?", session: session)
                for _ in 0..<count {
                    for stage in bare { try await stage.run(&message) }
                }
            },
            Microbenchmark(name: "five-stages", baseline: "plain-loop") { count in
                var message = Message(prompt: "What is 2 + 2?", session: session)
                for _ in 0..<count { try await trivial.run(&message) }
            },
            Microbenchmark(name: "memory-queue") { count in
                var policy = Chain.AsyncPolicy()
                policy.capacity = 10_000
                let queued = try Chain { Trivial().async(policy) }
                try await queued.open()
                var message = Message(prompt: "What is 2 + 2?", session: session)
                for _ in 0..<count { try await queued.run(&message) }
                await queued.close()
            },
            Microbenchmark(name: "disk-queue", run: handOverToDisk),
        ]
    }

    /// A thousand conversations at once, so that they share commits.
    private static func handOverToDisk(_ count: Int) async throws {
        try await inFolder { folder in
            let text = """
                pipeline: queued
                resources: {outbox: {disk: {path: "\(folder)/queue.db"}}}
                stages: [receive, {trivial: {}, async: {queue: outbox}}]
                """
            let registry = try Registry(stages: [Receive.self, Trivial.self], resources: [Disk.self])
            let loader = PipelineLoader(registry: registry, environment: Environment())
            guard let queued = loader.load(SourceFile(path: "queued.yaml", text: text)).file?.chain else {
                preconditionFailure("the benchmark's own pipeline has errors")
            }
            try await queued.open()
            let conversations = 1_000
            try await withThrowingTaskGroup { group in
                for first in 0..<min(conversations, count) {
                    group.addTask {
                        var message = Message(prompt: "What is 2 + 2?", session: Session())
                        for _ in stride(from: first, to: count, by: conversations) { try await queued.run(&message) }
                    }
                }
                try await group.waitForAll()
            }
            await queued.close()
        }
    }

    /// As a conversation does with a message that has to wait.
    private static func runWithTask(through chain: Chain, _ reply: Nobody) async throws {
        var message = Message(prompt: "What is 2 + 2?", session: session, reply: reply)
        guard let next = try chain.runWithoutWaiting(&message) else { preconditionFailure("it did not wait") }
        try await Task.immediate { [message] in
            var message = message
            try await chain.run(&message, from: next)
        }.value
    }

    private static let session = Session()

    private static func makeFlow() throws -> Chain {
        try Chain(resources: ["model": Echo()]) {
            Receive()
            Validate()
            Complete()
            Trivial()
            Respond()
        }
    }

    private static func makeTrivial() throws -> Chain {
        try Chain {
            Trivial()
            Trivial()
            Trivial()
            Trivial()
            Trivial()
        }
    }
}

/// A stage that does next to nothing.
private struct Trivial: BatchStage, ImmediateStage {
    static let name = "trivial"

    func run(_ message: inout Message) throws { try check(message) }

    func run(batch: [Message]) async throws {
        for message in batch { try check(message) }
    }

    private func check(_ message: borrowing Message) throws {
        if message.prompt.isEmpty { throw PipelineError(.invalidMessage, "The prompt is empty") }
    }
}

/// ``Shout`` as it is with `async`: a task a message.
private struct ShoutWithAsync: Stage {
    static let name = "shout_with_async"

    @Setting("How many exclamation marks to add.") var marks = 1

    var requires: Fields { [.prompt] }

    func run(_ message: inout Message) async throws {
        message.prompt = message.prompt.uppercased() + String(repeating: "!", count: marks)
    }
}

/// A client that takes answers and does nothing with them.
private struct Nobody: Reply {
    func answer(_ message: Message) {}
    func abandon(_ message: Message) {}
}
