import Foundation
import Pipeline
import TestRandom
import Testing

@testable import Resources

@Suite("A queue on disk")
struct DiskQueueTests {
    private let options = Queue.Options(capacity: nil, lanes: 1)

    private func inFolder(_ body: (String) async throws -> Void) async throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "queue-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: folder) }
        try await body(folder.appending(path: "deep/queue.db").path)
    }

    private func open(_ path: String, size: ByteSize = .mebibytes(64)) async throws -> Disk {
        let disk = Disk(path: path, size: size)
        try await disk.open(ResourceContext(name: "outbox"))
        return disk
    }

    private func message(_ prompt: String, session: Session = Session()) -> Message {
        var message = Message(
            prompt: prompt, session: session, clientID: "c", metadata: ["a": .array([.int(1), .null])])
        message.completion = Completion(text: "answer to \(prompt)", tokensUsed: 7, response: #"{"x":"\u0041"}"#)
        message[Field("mood")] = .string("good")
        return message
    }

    @Test("gives after a restart what was in it, whole and in order, and not what was finished")
    func restart() async throws {
        try await inFolder { path in
            let session = Session(username: "ada", userID: "u-1")
            let sent = (0..<5).map { message("prompt \($0)", session: session) }
            let first = try await open(path)
            let queue = try await first.queue(for: "persist", options)
            for message in sent { #expect(try await queue.push(message) == .accepted) }
            let taken = await queue.next(lane: 0, upTo: 2, lingering: .zero)
            queue.finish(taken, lane: 0)
            queue.close()
            await first.close()

            let second = try await open(path)
            let again = try await second.queue(for: "persist", options)
            let rest = await again.next(lane: 0, upTo: 10, lingering: .milliseconds(50))
            #expect(rest.map(\.message.id) == sent[2...].map(\.id))
            #expect(rest.map { Message.Record($0.message) } == sent[2...].map { Message.Record($0) })
            await second.close()
        }
    }

    @Test("a message that comes from disk into memory is found all the while")
    func refill() async throws {
        try await inFolder { path in
            let first = try await open(path)
            let queue = try await first.queue(for: "persist", options)
            await withTaskGroup(of: Void.self) { group in
                for number in 0..<1_999 { group.addTask { _ = try? await queue.push(message("\(number)")) } }
            }
            let last = message("last")
            _ = try await queue.push(last)
            queue.close()
            await first.close()

            let second = try await open(path)
            let again = try #require(try await second.queue(for: "persist", options) as? DiskQueue)
            var looks = 0
            while again.wanted.after == 0 || looks < 200 {
                if again.wanted.after > 0 { looks += 1 }
                let found = try await again.waiting(ofSession: last.session.id)
                #expect(found.contains { $0.id == last.id })
                if found.isEmpty { break }
            }
            await second.close()
        }
    }

    @Test("keeps the steps that share it apart")
    func consumers() async throws {
        try await inFolder { path in
            let disk = try await open(path)
            let one = try await disk.queue(for: "one", options)
            let two = try await disk.queue(for: "two", options)
            _ = try await one.push(message("first"))
            _ = try await two.push(message("second"))
            #expect(await one.next(lane: 0, upTo: 9, lingering: .zero).map(\.message.prompt) == ["first"])
            #expect(await two.next(lane: 0, upTo: 9, lingering: .zero).map(\.message.prompt) == ["second"])
            await disk.close()
        }
    }

    @Test("is full at its size, and has room again once messages are finished")
    func size() async throws {
        try await inFolder { path in
            let disk = try await open(path, size: .mebibytes(1))
            let queue = try await disk.queue(for: "persist", options)
            let large = message(String(repeating: "x", count: 100_000))
            var count = 0
            while try await queue.push(large) == .accepted { count += 1 }
            #expect(count >= 4 && count <= 10)
            let batch = await queue.next(lane: 0, upTo: 100, lingering: .zero)
            queue.finish(batch, lane: 0)
            await queue.waitForRoom()
            #expect(try await queue.push(large) == .accepted)
            await disk.close()
        }
    }

    @Test("knows what waits for a session, on disk and in memory")
    func waiting() async throws {
        try await inFolder { path in
            let session = Session()
            let first = try await open(path)
            let queue = try await first.queue(for: "persist", options)
            _ = try await queue.push(message("a", session: session))
            _ = try await queue.push(message("b"))
            #expect(try await queue.waiting(ofSession: session.id).map(\.prompt) == ["a"])
            _ = await queue.next(lane: 0, upTo: 1, lingering: .zero)
            #expect(try await queue.waiting(ofSession: session.id).map(\.prompt) == ["a"])
            await first.close()
        }
    }

    @Test("with any part of its file damaged opens or says that it can't, and never crashes", arguments: 0..<6)
    func damage(seed: UInt64) async throws {
        try await inFolder { path in
            let disk = try await open(path)
            let queue = try await disk.queue(for: "persist", options)
            for number in 0..<50 { _ = try await queue.push(message("prompt \(number)")) }
            await disk.close()
            let whole = try Data(contentsOf: URL(filePath: path))
            var random = seed &* 0x9E37_79B9_7F4A_7C15 | 1
            for _ in 0..<rounds(12, usually: 4) {
                var bytes = whole
                random = random &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                let place = Int((random >> 33) % UInt64(bytes.count))
                if random % 3 == 0 { bytes.removeSubrange(place...) } else { bytes[place] ^= 0x5A }
                try bytes.write(to: URL(filePath: path))
                do {
                    let damaged = try await open(path)
                    let queue = try await damaged.queue(for: "persist", options)
                    queue.close()
                    _ = await queue.next(lane: 0, upTo: 100, lingering: .zero)
                    await damaged.close()
                } catch {
                    #expect("\(error)".contains("queue"))
                }
            }
        }
    }

    @Test("removes numbers that follow each other together")
    func ranges() {
        #expect(DiskLogFile.ranges(of: [5, 1, 2, 3, 9, 8, 3]) == [1...3, 5...5, 8...9])
        #expect(DiskLogFile.ranges(of: []).isEmpty)
        #expect(DiskLogFile.ranges(of: [.max, .max - 1, .max, .min]) == [.min ... .min, .max - 1 ... .max])
    }
}
