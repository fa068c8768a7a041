import Pipeline
import Synchronization
import TestShared
import Testing

@testable import Server

@Suite("What hosts say to each other", .timeLimit(.minutes(1)))
struct HostLineTests {
    private let hub = Hub()

    private final class Heard: Sendable {
        private let state = Mutex((numbers: [Int](), lost: [String]()))

        func add(_ message: HostMessage) { state.withLock { $0.numbers.append(message.number) } }
        func lose(_ host: String) { state.withLock { $0.lost.append(host) } }
        var numbers: [Int] { state.withLock(\.numbers) }
        var lost: [String] { state.withLock(\.lost) }

        func numbers(_ count: Int) async throws -> [Int] {
            for _ in 0..<10_000 where numbers.count < count { try await Task.sleep(for: .milliseconds(1)) }
            return numbers
        }
    }

    private func line(
        _ host: String, _ heard: Heard, over link: SharedMemory? = nil, patience: HostPatience = .calm,
        maxBytes: Int = 64 << 20
    ) throws -> HostLine {
        let link = link ?? SharedMemory(to: hub, maxMessage: 2_000)
        let line = HostLine(
            link, host: host, pipeline: "p", patience: patience, maxBytes: maxBytes, hasLost: { heard.lose($0) },
            receive: { heard.add($0) })
        try line.use(link)
        return line
    }

    private func say(_ number: Int, to host: String, by line: HostLine, _ text: String = "") {
        line.tell(host, HostMessage(.cancel, from: line.host, session: "s", number: number, ["id": .string(text)]))
    }

    @Test("comes once and in order where messages are lost, delayed and repeated")
    func lossy() async throws {
        let heard = Heard()
        let (left, right) = (try line("a", Heard()), try line("b", heard))
        #expect(await left.isAlive("b") == true)
        let count = Mutex(0)
        hub.onMessage { _, _ in
            switch count.withLock({
                $0 += 1; return $0 % 23
            }) {
            // Few enough that a message in three parts seldom fails twice: attempts are ever further apart.
            case 0, 11: .lost
            case 1, 8, 15: .twice
            case 5, 19: .late(.milliseconds(10))
            default: .sent
            }
        }
        // Every tenth in parts.
        for number in 0..<300 {
            say(number, to: "b", by: left, number % 10 == 0 ? String(repeating: "long ", count: 900) : "")
        }
        #expect(try await heard.numbers(300) == Array(0..<300))
        hub.onMessage { _, _ in .sent }
        await left.flush(until: .now + .seconds(20))
        #expect(heard.numbers.count == 300 && heard.lost.isEmpty)
        withExtendedLifetime(right) {}
    }

    @Test("waits while nobody can be reached")
    func outage() async throws {
        let heard = Heard()
        let (left, right) = (try line("a", Heard()), try line("b", heard))
        #expect(await left.isAlive("b") == true)
        hub.isDown = true
        for number in 0..<2_000 { say(number, to: "b", by: left) }
        hub.isDown = false
        say(2_000, to: "b", by: left)
        #expect(try await heard.numbers(2_001) == Array(0...2_000))
        withExtendedLifetime(right) {}
    }

    @Test("bears numbers that no host has given")
    func wildNumbers() {
        let text = #"{"type":"lost","from":"b","session":"","number":0,"order":\#(Int.max)}"#
        #expect(HostMessage(Array(text.utf8))?.order == nil)
        #expect(SessionRecord(Array(#"{"host":"b","sequence":\#(Int.max)}"#.utf8))?.sequence == 0)
    }

    @Test("is known to be lost where it was given up, and what follows comes")
    func givenUp() async throws {
        var patience = HostPatience.calm
        patience.keep = .milliseconds(60)
        let heard = Heard()
        let (left, right) = (try line("a", Heard(), patience: patience), try line("b", heard))
        #expect(await left.isAlive("b") == true)
        hub.onMessage { bytes, _ in String(decoding: bytes, as: UTF8.self).contains(#""cancel""#) ? .lost : .sent }
        for number in 0..<10 { say(number, to: "b", by: left) }
        for _ in 0..<10_000 where heard.lost.isEmpty { try await Task.sleep(for: .milliseconds(1)) }
        #expect(heard.lost == ["a"] && heard.numbers.isEmpty)
        hub.onMessage { _, _ in .sent }
        await left.flush(until: .now + .seconds(20))
        say(10, to: "b", by: left)
        #expect(try await heard.numbers(1) == [10])
        withExtendedLifetime(right) {}
    }

    @Test("is known to be lost where it is too much to be kept, and what follows comes")
    func full() async throws {
        let heard = Heard()
        let (left, right) = (try line("a", Heard(), maxBytes: 20_000), try line("b", heard))
        #expect(await left.isAlive("b") == true)
        hub.onMessage { bytes, _ in String(decoding: bytes, as: UTF8.self).contains("1000 ") ? .lost : .sent }
        let text = String(repeating: "1000 ", count: 200)
        for number in 0..<100 {
            say(number, to: "b", by: left, text)
            let bytes = left.state.withLock { $0.peers["b"]?.bytes ?? 0 }
            #expect(bytes <= 20_000)
        }
        say(100, to: "b", by: left)
        for _ in 0..<10_000 where heard.lost.isEmpty { try await Task.sleep(for: .milliseconds(1)) }
        hub.onMessage { _, _ in .sent }
        for _ in 0..<10_000 where heard.numbers.last != 100 { try await Task.sleep(for: .milliseconds(1)) }
        let numbers = heard.numbers
        #expect(numbers.last == 100 && numbers == numbers.sorted() && Set(numbers).count == numbers.count)
        #expect(!heard.lost.isEmpty && numbers.count < 30)
        withExtendedLifetime(right) {}
    }

    @Test("goes to a host of a version before once, without a number, and from there it counts as it comes")
    func versionBefore() async throws {
        let heard = Heard()
        let new = try line("new", heard)
        let old = SharedMemory(to: hub)
        let came = Mutex<[String]>([])
        let listening = try old.listen(on: "test-shared.p.old") { bytes, reply in
            if let reply { old.send([], to: reply) }
            came.withLock { $0.append(String(decoding: bytes.dropFirst(), as: UTF8.self)) }
        }
        #expect(await new.isAlive("old") == true)
        say(7, to: "old", by: new)
        for text in [
            #"{"type":"cancel","from":"old","session":"s","number":1}"#,
            #"{"type":"of a version to come","from":"old","session":"s","number":2}"#, "no JSON",
            #"{"type":"cancel","from":"old","session":"s","number":1}"#,
        ] {
            old.send([0] + Array(text.utf8), to: "test-shared.p.new")
        }
        #expect(try await heard.numbers(2) == [1, 1])
        await new.flush(until: .now + .seconds(20))
        let said = came.withLock(\.self).filter { $0.contains("cancel") }
        #expect(said.count == 1 && !said[0].contains("order"))
        listening.cancel()
    }

    @Test("goes on over another link: what was asked by the one before is answered, and parts are put together")
    func reload() async throws {
        let heard = Heard()
        let (left, right) = (try line("a", Heard()), try line("b", heard))
        #expect(await left.isAlive("b") == true)
        let question = HostMessage(.take, from: "a", session: "s", number: left.nextNumber())
        async let answer = left.ask("b", question, outage: .seconds(20))
        #expect(try await heard.numbers(1) == [question.number])
        let again = SharedMemory(to: hub, maxMessage: 2_000)
        try left.use(again)
        let long = String(repeating: "long ", count: 2_000)
        right.answer(question, ["text": .string(long)])
        #expect(try await answer["text"]?.text == long)
    }

    @Test("is nobody's where the host is gone, and late where it only takes its time")
    func death() async throws {
        let heard = Heard()
        let link = SharedMemory(to: hub)
        let (left, right) = (try line("a", Heard()), try line("b", heard, over: link))
        #expect(await left.isAlive("b") == true)
        let question = HostMessage(.take, from: "a", session: "s", number: left.nextNumber())
        async let answer = left.ask("b", question, outage: .seconds(20))
        #expect(try await heard.numbers(1) == [question.number])
        // Longer than a host may be silent.
        try await Task.sleep(for: HostPatience.calm.silence * 1.2)
        right.answer(question, ["done": .bool(true)])
        #expect(try await answer["done"] == .bool(true))
        link.cut()
        await #expect(throws: SharedFailure.nobody) {
            try await left.ask(
                "b", HostMessage(.take, from: "a", session: "s", number: left.nextNumber()), outage: .seconds(20))
        }
    }

    private final class Count: Sendable {
        private let state = Atomic<Int>(0)
        var value: Int { state.load(ordering: .relaxed) }
        func add() { state.add(1, ordering: .relaxed) }
    }

    @Test("is waited for no longer than is said, also by who gets a processor only after that")
    func late() async throws {
        let ended = Count()
        for _ in 0..<16 {
            Task {
                let race = FirstAnswer<Int>()
                for _ in 0..<2_000 where await race.answer(within: .zero) == nil {}
                ended.add()
            }
        }
        for _ in 0..<10_000 where ended.value < 16 { try await Task.sleep(for: .milliseconds(1)) }
        #expect(ended.value == 16)
    }

    @Test("takes a bounded room while parts of it are missing")
    func partsBound() {
        let joiner = HostParts.Joiner(upTo: 10_000)
        for number in 0..<100 as Range<UInt64> {
            let parts = HostParts.of([UInt8](repeating: 1, count: 2_000), number: number, upTo: 1_000)
            #expect(parts.count == 3)
            #expect(joiner.add(parts[2]) == nil && joiner.add(parts[0]) == nil && joiner.add(parts[0]) == nil)
            #expect(joiner.bytes <= 10_000)
        }
        let parts = HostParts.of([UInt8](0..<200), number: 1_000, upTo: 60)
        #expect(parts.reversed().compactMap { joiner.add($0) } == [[UInt8](0..<200)])
    }
}

extension HostPatience {
    /// For tests, in which nothing is far away.
    static var brief: HostPatience {
        HostPatience(
            silence: .milliseconds(800), memory: .milliseconds(300), look: .milliseconds(30), resend: .milliseconds(20),
            watch: .milliseconds(50), taken: .milliseconds(200), entering: .seconds(2))
    }

    /// The same, where nobody is to be taken for dead whose answer waits behind other tests.
    fileprivate static var calm: HostPatience {
        var patience = brief
        patience.silence = .seconds(3)
        return patience
    }
}
