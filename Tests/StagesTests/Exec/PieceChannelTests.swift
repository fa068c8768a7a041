import Pipeline
import Testing

@testable import Stages

@Suite("Pieces on their way from a program")
struct PieceChannelTests {
    private func end() throws -> ProgramJob.Outcome {
        var line = #"{"id":1,"fields":{}}"#
        return .success(try line.withUTF8 { try ProgramAnswer(UnsafeRawBufferPointer($0)) })
    }

    private func words(_ step: PieceChannel.Step) -> String {
        switch step {
        case .pieces(let pieces, let hasMadeRoom): pieces.joined(separator: "|") + (hasMadeRoom ? " room" : "")
        case .end(.success): "end"
        case .end(.failure): "failure"
        }
    }

    @Test("come one by one, and then the end")
    func order() async throws {
        let channel = PieceChannel(window: 1_000)
        channel.add("a")
        channel.add("b")
        channel.finish(try end())
        channel.add("late")
        #expect(words(await channel.next()) == "a|b")
        #expect(words(await channel.next()) == "end")
        #expect(words(await channel.next()) == "end")
    }

    @Test("fill it past its window, until they are taken")
    func window() async throws {
        let channel = PieceChannel(window: 100)
        channel.add(String(repeating: "x", count: 60))
        #expect(!channel.isFull)
        channel.add("yyyyyyyyyyyyyyyyyyyy")
        #expect(channel.isFull)
        #expect(words(await channel.next()).hasSuffix(" room"))
        #expect(!channel.isFull)
    }

    @Test("cost something each, even where they are short")
    func overhead() {
        let channel = PieceChannel(window: 1_000)
        for _ in 0..<50 { channel.add("x") }
        #expect(channel.isFull)
    }

    @Test("are joined past the window where who writes them is not held up, so that many take little")
    func joining() async throws {
        let channel = PieceChannel(window: 100, whenFull: .join)
        let texts = (1_000..<3_000).map(String.init)
        for text in texts { channel.add(text) }
        #expect(!channel.isFull)
        guard case .pieces(let pieces, let hasMadeRoom) = await channel.next() else {
            Issue.record("no pieces")
            return
        }
        #expect(pieces.joined() == texts.joined())
        #expect(pieces.starts(with: ["1000", "1001"]) && pieces.count < 15 && !hasMadeRoom)
        channel.add("a")
        channel.add("b")
        #expect(words(await channel.next()) == "a|b")
    }

    @Test("are dropped where nobody waits any more, and fill nothing")
    func abandoned() async throws {
        let channel = PieceChannel(window: 0)
        channel.add("a")
        channel.abandon()
        channel.add("b")
        #expect(channel.isOver && !channel.isFull)
        #expect(words(await channel.next()) == "failure")
    }

    @Test("that came before a failure are still read")
    func failure() async {
        let channel = PieceChannel(window: 1_000)
        channel.add("a")
        channel.finish(.failure(PipelineError.stopping))
        #expect(words(await channel.next()) == "a")
        #expect(words(await channel.next()) == "failure")
    }

    @Test("wake who waits for them")
    func waiting() async throws {
        let channel = PieceChannel(window: 1_000)
        let reader = Task { (words(await channel.next()), words(await channel.next())) }
        channel.add("a")
        channel.finish(try end())
        #expect(await reader.value == ("a", "end"))
    }
}
