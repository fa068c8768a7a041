import NIOCore
import NIOEmbedded
import NIOPosix
import Pipeline
import Synchronization
import Testing

@testable import Server

@Suite("Frames of a retained session", .timeLimit(.minutes(1)))
struct RetainedDeliveryTests {
    private let session = RetainedSession(
        userID: nil, limit: 1 << 30, for: .seconds(60), budget: Kept().budget, at: .now())

    private let frame = ServerFrame.error(.stopping, clientID: nil, in: .json)

    /// Notes the numbers of the frames that it is to write.
    private final class Client: RetainedClient {
        private(set) var numbers: [Int] = []
        private(set) var hasGivenWay = false
        var hasWritten: (Client) -> Void = { _ in }
        private let wanted: (number: Int, promise: EventLoopPromise<[Int]>)?

        init(until number: Int = 0, _ promise: EventLoopPromise<[Int]>? = nil) {
            wanted = promise.map { (number, $0) }
        }

        func hear(_ texts: [String]) {
            for text in texts { hear(text) }
        }

        func write(_ frame: NumberedFrame) {
            hear(frame.text)
            hasWritten(self)
        }

        private func hear(_ text: String) {
            let number = text.split(separator: ":").last.flatMap { Int($0.dropLast()) } ?? 0
            numbers.append(number)
            if let wanted, wanted.number == number { wanted.promise.succeed(numbers) }
        }

        func giveWay() { hasGivenWay = true }
    }

    private func attach(_ client: Client, _ loop: any EventLoop, after seen: Int = .max) -> Int {
        let (missed, generation) = session.attach(
            NIOLoopBound<any RetainedClient>(client, eventLoop: loop), after: seen)
        client.hear(missed)
        return generation
    }

    @Test("are written at once by the client that tells them itself, and by one task of its loop where others do")
    func turns() {
        let (loop, client) = (EmbeddedEventLoop(), Client())
        let generation = attach(client, loop)
        for number in 1...3 {
            session.deliver(frame, for: generation)
            #expect(client.numbers.last == number)
        }
        for _ in 0..<50 { session.deliver(frame) }
        #expect(client.numbers.count == 3)
        // The task before this brings what comes until then, too.
        loop.assumeIsolated().execute { #expect(client.numbers.count == 104) }
        for _ in 0..<50 { session.deliver(frame) }
        // Those that are on their way are not overtaken.
        session.deliver(frame, for: generation)
        #expect(client.numbers.count == 3)
        loop.run()
        #expect(client.numbers == Array(1...104))
        session.deliver(frame, for: generation)
        #expect(client.numbers.last == 105)
    }

    @Test("are in order where writing one makes the client tell another")
    func withinWrite() {
        let (loop, client) = (EmbeddedEventLoop(), Client())
        let generation = attach(client, loop)
        client.hasWritten = { [session, frame] client in
            if client.numbers.count < 50 { session.deliver(frame, for: generation) }
        }
        for _ in 0..<10 { session.deliver(frame) }
        loop.run()
        #expect(client.numbers == Array(1...59))
    }

    @Test("that are on their way to a client come to it before it gives way, and are missed by none that comes")
    func givingWay() {
        let (loop, first, second) = (EmbeddedEventLoop(), Client(), Client())
        _ = attach(first, loop)
        for _ in 0..<5 { session.deliver(frame) }
        let generation = attach(second, loop, after: 2)
        session.deliver(frame, for: generation)
        loop.run()
        #expect(first.numbers == [1, 2, 3, 4, 5] && first.hasGivenWay)
        #expect(second.numbers == [3, 4, 5, 6] && !second.hasGivenWay)
        for _ in 0..<5 { session.deliver(frame) }
        let handed = session.handOver { _ in }
        session.deliver(frame)
        loop.run()
        #expect(second.numbers == Array(3...11) && second.hasGivenWay && handed.sequence == 11)
    }

    @Test("on their way to a client that has left are kept for the next")
    func leaving() {
        let (loop, first, second) = (EmbeddedEventLoop(), Client(), Client())
        let generation = attach(first, loop)
        for _ in 0..<5 { session.deliver(frame) }
        session.detach(generation, at: .now())
        session.deliver(frame)
        loop.run()
        #expect(first.numbers.isEmpty)
        _ = attach(second, loop, after: 0)
        session.deliver(frame)
        loop.run()
        #expect(second.numbers == Array(1...7))
    }

    @Test(
        "come in the order of their numbers, each once, from many threads and event loops to a client that changes both"
    )
    func concurrent() async throws {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 3)
        let loops = Array(group.makeIterator())
        let (rounds, each, session, frame) = (20, 250, session, frame)
        // Three threads, and the client's own loop in many tasks.
        let perRound = 4 * each
        var seen = 0
        for round in 1...rounds {
            let (loop, last) = (loops[round % loops.count], round * perRound)
            let heard = loop.makePromise(of: [Int].self)
            let after = seen
            let tellers = (0..<3).map { index in
                NIOThreadPool.singleton.runIfActive(eventLoop: loops[index]) {
                    for _ in 0..<each { session.deliver(frame) }
                }
            }
            loop.execute {
                let client = Client(until: last, heard)
                let generation = session.attach(
                    NIOLoopBound<any RetainedClient>(client, eventLoop: loop), after: after)
                client.hear(generation.missed)
                for _ in 0..<(each / 10) {
                    loop.execute {
                        for _ in 0..<10 { session.deliver(frame, for: generation.generation) }
                    }
                }
            }
            let numbers = try await heard.futureResult.get()
            for teller in tellers { try await teller.get() }
            #expect(numbers == Array((after + 1)...last), "round \(round)")
            seen = last
        }
        try await group.shutdownGracefully()
    }

    @Test("go on without a gap where their client moves while they are told")
    func moving() async throws {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 2)
        let loops = Array(group.makeIterator())
        let (count, session, frame) = (4_000, session, frame)
        let tellers = (0..<2).map { index in
            NIOThreadPool.singleton.runIfActive(eventLoop: loops[index]) {
                for _ in 0..<(count / 2) { session.deliver(frame) }
            }
        }
        var (seen, moves) = (0, 0)
        while seen < count {
            let (loop, after) = (loops[moves % 2], seen)
            let numbers = try await loop.submit {
                let client = Client()
                let (missed, _) = session.attach(
                    NIOLoopBound<any RetainedClient>(client, eventLoop: loop), after: after)
                client.hear(missed)
                return NIOLoopBound(client, eventLoop: loop)
            }.flatMap { client in loop.submit { client.value.numbers } }.get()
            #expect(numbers == Array(after..<(after + numbers.count)).map { $0 + 1 })
            seen += numbers.count
            moves += 1
        }
        for teller in tellers { try await teller.get() }
        #expect(seen == count)
        try await group.shutdownGracefully()
    }
}
