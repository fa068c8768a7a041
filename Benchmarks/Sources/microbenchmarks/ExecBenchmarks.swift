import Foundation
import Pipeline
import Stages

/// Messages through a program: by the `exec` stage, and by bare pipes to processes of the same program that get the same
/// lines, as many ahead, and whose answers nobody looks at.
enum ExecBenchmarks {
    /// Reads JSON, changes a field, writes JSON, flushes.
    private static let script = """
        import json, sys
        for line in sys.stdin:
            request = json.loads(line)
            print(json.dumps({"id": request["id"], "fields": {"prompt": request["fields"]["prompt"]}}), flush=True)
        """
    private static let processes = 2
    private static let ahead = 64
    private static let prompt = String(repeating: "abcdefgh", count: 8)

    static func all() -> [Microbenchmark] {
        let python = ["/usr/bin/env", "python3", "-c", script]
        return [("python", python), ("cat", ["/bin/cat"])].flatMap { name, command in
            // They start with the first message, and end with the program.
            let pipes = Once { try (0..<processes).map { _ in try BarePipes(command) } }
            let stage = Once {
                let stage = Exec(command: try Command(command))
                try await stage.open(StageContext(label: "exec"))
                return stage
            }
            return [
                Microbenchmark(name: "bare-pipes-\(name)", atLeast: 100_000) { count in
                    let pipes = try await pipes.value
                    await withTaskGroup { group in
                        for pipe in pipes {
                            group.addTask { await pipe.exchange(line, count / processes, ahead: ahead) }
                        }
                    }
                },
                Microbenchmark(name: "exec-\(name)", baseline: "bare-pipes-\(name)", atLeast: 100_000) { count in
                    let stage = try await stage.value
                    try await withThrowingTaskGroup { group in
                        for _ in 0..<(processes * ahead) {
                            group.addTask {
                                for _ in 0..<(count / (processes * ahead)) {
                                    var message = Message(prompt: prompt)
                                    try await stage.run(&message)
                                }
                            }
                        }
                        try await group.waitForAll()
                    }
                },
            ]
        }
    }

    private static let line = Array(
        #"{"protocol":1,"id":1234567,"settings":{},"fields":{"prompt":"\#(prompt)"}}\#n"#.utf8)
}

/// Something that is made when it is first needed.
private actor Once<Value: Sendable> {
    private let make: @Sendable () async throws -> Value
    private var task: Task<Value, any Error>?

    init(_ make: @escaping @Sendable () async throws -> Value) {
        self.make = make
    }

    var value: Value {
        get async throws {
            let task = task ?? Task { try await make() }
            self.task = task
            return try await task.value
        }
    }
}

/// A process and its two pipes, with blocking reads and writes on a thread of their own.
private final class BarePipes: Sendable {
    private let input: Int32
    private let output: Int32

    init(_ command: [String]) throws {
        let (input, output) = (Pipe(), Pipe())
        let process = Process()
        process.executableURL = URL(filePath: command[0])
        process.arguments = Array(command.dropFirst())
        process.standardInput = input
        process.standardOutput = output
        try process.run()
        self.input = dup(input.fileHandleForWriting.fileDescriptor)
        self.output = dup(output.fileHandleForReading.fileDescriptor)
    }

    /// Sends so many lines, each as soon as fewer than `ahead` are unanswered, and waits for as many.
    func exchange(_ line: [UInt8], _ count: Int, ahead: Int) async {
        await withCheckedContinuation { continuation in
            Thread.detachNewThread { [self] in
                let lines = Array(repeatElement(line, count: ahead).joined())
                var buffer = [UInt8](repeating: 0, count: 1 << 16)
                var (sent, answered) = (0, 0)
                while answered < count {
                    let more = min(ahead - (sent - answered), count - sent)
                    if more > 0 { _ = write(input, lines, more * line.count) }
                    sent += more
                    let bytes = read(output, &buffer, buffer.count)
                    if bytes <= 0 { break }
                    answered += buffer[..<bytes].count { $0 == 0x0A }
                }
                continuation.resume()
            }
        }
    }
}
