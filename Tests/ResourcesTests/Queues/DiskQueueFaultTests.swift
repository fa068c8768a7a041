import Foundation
import GRDB
import Logging
import Pipeline
import PipelineTesting
import TestRandom
import Testing

@testable import Resources

@Suite("A queue on disk whose file fails")
struct DiskQueueFaultTests {
    private let options = Queue.Options(capacity: nil, lanes: 1)

    private func inFolder(_ body: (String) async throws -> Void) async throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "queue-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: folder) }
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        try await body(folder.appending(path: "queue.db").path)
    }

    private func open(_ path: String) async throws -> Disk {
        let disk = Disk(path: path, size: .mebibytes(1))
        try await disk.open(ResourceContext(name: "outbox"))
        return disk
    }

    private func prompts(of queue: any MessageQueue, _ number: Int) async -> [String] {
        var prompts: [String] = []
        while prompts.count < number {
            let batch = await queue.next(lane: 0, upTo: 1_000, lingering: .zero)
            prompts += batch.map(\.message.prompt)
            queue.finish(batch, lane: 0)
        }
        return prompts
    }

    /// Keeps the file's lock, as another program may, so that every commit fails.
    private func whileLocked(_ path: String, _ body: () async throws -> Void) async throws {
        var configuration = Configuration()
        configuration.allowsUnsafeTransactions = true
        let other = try DatabaseQueue(path: path, configuration: configuration)
        try await other.writeWithoutTransaction { try $0.execute(sql: "BEGIN IMMEDIATE") }
        try await body()
        try await other.writeWithoutTransaction { try $0.execute(sql: "ROLLBACK") }
        try other.close()
    }

    @Test("has as much room after many failed commits as before")
    func failedAppends() async throws {
        try await inFolder { path in
            let disk = try await open(path)
            let queue = try await disk.queue(for: "persist", options)
            let large = Message(prompt: String(repeating: "x", count: 200_000))
            try await whileLocked(path) {
                for _ in 0..<20 { await #expect(throws: PipelineError.self) { try await queue.push(large) } }
                #expect(disk.health != .ready)
            }
            for _ in 0..<5 { #expect(try await queue.push(large) == .accepted) }
            #expect(try await queue.push(large) == .full)
            #expect(disk.health == .ready)
            await disk.close()
        }
    }

    @Test("gives nothing twice whose removal failed at first, and has its room back")
    func failedRemovals() async throws {
        try await inFolder { path in
            let disk = try await open(path)
            let queue = try await disk.queue(for: "persist", options)
            let large = Message(prompt: String(repeating: "x", count: 900_000))
            #expect(try await queue.push(large) == .accepted)
            let batch = await queue.next(lane: 0, upTo: 1, lingering: .zero)
            try await whileLocked(path) {
                #expect(try await queue.push(large) == .full)
                queue.finish(batch, lane: 0)
                while disk.health == .ready { try await Task.sleep(for: .milliseconds(5)) }
            }
            await queue.waitForRoom()
            #expect(try await queue.push(Message(prompt: "next")) == .accepted)
            await disk.close()
            let again = try await open(path)
            let rest = try await again.queue(for: "persist", options)
            #expect(rest.depth.messages == 1)
            #expect(await prompts(of: rest, 1) == ["next"])
            await again.close()
        }
    }

    @Test("reads what an earlier process left once that works, and is not ready until then")
    func failedRead() async throws {
        try await inFolder { path in
            let first = try await open(path)
            let left = try await first.queue(for: "persist", options)
            for number in 0..<3 { _ = try await left.push(Message(prompt: "\(number)")) }
            await first.close()
            let disk = try await open(path)
            let other = try DatabaseQueue(path: path)
            try await other.write { try $0.execute(sql: "ALTER TABLE messages RENAME COLUMN metadata TO gone") }
            let queue = try await disk.queue(for: "persist", options)
            while disk.health == .ready { try await Task.sleep(for: .milliseconds(5)) }
            #expect(queue.depth.messages == 3)
            await #expect(throws: PipelineError.self) { try await queue.waiting(ofSession: "s") }
            try await other.write { try $0.execute(sql: "ALTER TABLE messages RENAME COLUMN gone TO metadata") }
            #expect(await prompts(of: queue, 3) == ["0", "1", "2"])
            #expect(disk.health == .ready)
            try other.close()
            await disk.close()
        }
    }

    @Test("that can't be read is asked again after pauses that grow up to a second")
    func pauses() async throws {
        try await inFolder { path in
            let disk = try await open(path)
            let queue = try #require(try await disk.queue(for: "persist", options) as? DiskQueue)
            let pauses = (0..<7).map { _ in queue.pauseAfterFailure() }
            #expect(pauses == [50, 100, 200, 400, 800, 1_000, 1_000].map { .milliseconds($0) })
            await disk.close()
        }
    }

    @Test("holds no more in memory than its window, however small the parts of a message are")
    func window() async throws {
        try await inFolder { path in
            let disk = Disk(path: path, size: .mebibytes(64))
            try await disk.open(ResourceContext(name: "outbox"))
            let queue = try await disk.queue(for: "persist", options)
            let objects = JSONValue.array(Array(repeating: .object(["a": .int(1)]), count: 5_000))
            for number in 0..<60 {
                #expect(try await queue.push(Message(prompt: "\(number)", metadata: ["k": objects])) == .accepted)
            }
            let first = await queue.next(lane: 0, upTo: 1, lingering: .zero)
            queue.finish(first, lane: 0)
            // There is room in memory now, but others that are on disk alone came before.
            #expect(try await queue.push(Message(prompt: "60")) == .accepted)
            let inMemory = await queue.next(lane: 0, upTo: 1_000, lingering: .zero)
            #expect(inMemory.count < 59 && queue.depth.messages == 60)
            queue.finish(inMemory, lane: 0)
            let rest = await prompts(of: queue, 60 - inMemory.count)
            #expect((first + inMemory).map(\.message.prompt) + rest == (0...60).map(String.init))
            await disk.close()
        }
    }

    @Test("says once which messages a session's history lacks, as they can't be read")
    func missingInHistory() async throws {
        try await inFolder { path in
            let said = TestLog()
            let log = DiskLog()
            try await log.open(path: path, size: 1 << 20, logger: Logger(label: "test") { _ in said.handler() })
            let queue = try await log.queue(for: "persist", options)
            let session = Session()
            for number in 0..<4 { _ = try await queue.push(Message(prompt: "\(number)", session: session)) }
            let other = try DatabaseQueue(path: path)
            try await other.write {
                try $0.execute(sql: "UPDATE messages SET metadata = '{' WHERE prompt IN ('1', '3')")
            }
            try other.close()
            for _ in 0..<2 {
                let found = try await log.messages(ofSession: session.id, only: nil, for: "persist", after: 0)
                #expect(found.map(\.prompt) == ["0", "2"])
            }
            let entries = said.entries.filter { $0.level == .error }
            #expect(
                entries.count == 1 && entries.first?.message.hasPrefix("2 messages in the queue can't be read") == true)
            await log.close()
        }
    }

    @Test("says that a file of another program is none")
    func foreign() async throws {
        try await inFolder { path in
            let other = try DatabaseQueue(path: path)
            try await other.write { try $0.execute(sql: "CREATE TABLE messages (id TEXT, text TEXT)") }
            try other.close()
            let error = await #expect(throws: (any Error).self) { _ = try await open(path) }
            #expect("\(error.map { "\($0)" } ?? "")".contains("its table 'messages' is not a queue's"))
        }
    }

    /// Values as nobody writes them, in every column; the night has a million rows.
    private static let rows = ProcessInfo.processInfo.environment["STAGECOACH_ODD_ROWS"].flatMap(Int.init) ?? 5_000

    private struct Odd {
        var random: SplitMix
        var isGood = true

        private static let values: [DatabaseValue] = [
            .null, Data([0, 0xFF]).databaseValue, Data().databaseValue, Int64.max.databaseValue,
            Int64.min.databaseValue,
            (-1).databaseValue, Double.infinity.databaseValue, (-0.5).databaseValue, "".databaseValue,
            "{".databaseValue,
            "[]".databaseValue, "n/a".databaseValue, "\u{0}".databaseValue, #"{"k":1e400}"#.databaseValue,
            String(repeating: "[", count: 5_000).databaseValue, "9223372036854775808".databaseValue,
        ]

        /// A good value, or now and then an odd one, which some columns may have.
        mutating func value(
            _ good: some DatabaseValueConvertible, or fits: (DatabaseValue) -> Bool = { _ in false }
        ) -> DatabaseValue {
            guard Int.random(in: 0..<16, using: &random) == 0, let odd = Self.values.randomElement(using: &random)
            else {
                return good.databaseValue
            }
            if !fits(odd) { isGood = false }
            return odd
        }
    }

    private static func isText(_ value: DatabaseValue) -> Bool {
        if case .string = value.storage { true } else { false }
    }
    private static func isTextOrNone(_ value: DatabaseValue) -> Bool { value.isNull || isText(value) }
    private static func isWholeOrNone(_ value: DatabaseValue) -> Bool {
        if case .int64 = value.storage { true } else { value.isNull }
    }

    @Test("gives every row that is one, says how many are none, and leaves these in the file")
    func oddRows() async throws {
        try await inFolder { path in
            let other = try DatabaseQueue(path: path)
            let names = DiskLogRow.columns.split { " ,\n".contains($0) }.map(String.init)
            let declared = ["consumer", "ticket INTEGER PRIMARY KEY AUTOINCREMENT"] + names.dropFirst()
            let good = try await other.write { database in
                // Without types nothing is converted and anything is taken.
                try database.execute(sql: "CREATE TABLE messages (\(declared.joined(separator: ", ")))")
                let marks = Array(repeating: "?", count: names.count).joined(separator: ", ")
                let insert = try database.makeStatement(
                    sql:
                        "INSERT INTO messages (consumer, \(names.dropFirst().joined(separator: ", "))) VALUES (\(marks))"
                )
                var (odd, good) = (Odd(random: SplitMix(seed: 5)), 0)
                for number in 0..<Self.rows {
                    odd.isGood = true
                    let isLast = number == Self.rows - 1
                    let values: [DatabaseValue] = [
                        "persist".databaseValue, odd.value(UniqueID.random().description),
                        odd.value(Int64(1_700_000_000_000_000), or: { $0 == (-1).databaseValue }),
                        odd.value("s", or: Self.isText), odd.value("u", or: Self.isText),
                        odd.value(nil as String?, or: Self.isTextOrNone),
                        odd.value(nil as String?, or: Self.isTextOrNone), odd.value("p", or: Self.isText),
                        odd.value("c", or: Self.isTextOrNone), odd.value(7, or: Self.isWholeOrNone),
                        odd.value(nil as String?, or: Self.isTextOrNone), odd.value(#"{"k":[1]}"#, or: \.isNull),
                        odd.value(nil as String?, or: \.isNull), odd.value(nil as String?, or: \.isNull),
                        odd.value(100, or: { _ in true }),
                    ]
                    if isLast {
                        try insert.execute(arguments: [
                            "persist", UniqueID.random().description, 0, "s", "u", nil, nil, "last", nil, nil, nil, nil,
                            nil, nil, 1,
                        ])
                        good += 1
                    } else {
                        try insert.execute(arguments: StatementArguments(values))
                        good += odd.isGood ? 1 : 0
                    }
                }
                return good
            }
            try other.close()
            let disk = Disk(path: path, size: .mebibytes(1))
            try await disk.open(ResourceContext(name: "outbox"))
            let queue = try await disk.queue(for: "persist", options)
            #expect(await prompts(of: queue, good).last == "last")
            #expect(queue.depth == Queue.Depth(messages: 0, oldest: nil, unreadable: Self.rows - good))
            _ = try await queue.waiting(ofSession: "s")
            await disk.close()
            let left = try await DatabaseQueue(path: path).read {
                try Int.fetchOne($0, sql: "SELECT count(*) FROM messages")
            }
            #expect(left == Self.rows - good)
        }
    }
}
