import Synchronization
import Testing

@testable import HTTPClient

@Suite("Bytes of a body that are taken while their reader waits")
struct BodyTakerTests {
    /// What a taker has been given, and what it says of it.
    private final class Log: HTTPBody.Taker {
        private let state = Mutex<(texts: [String], answer: HTTPBody.Taken)>(([], .all))
        private let meanwhile: @Sendable () -> Void

        init(_ meanwhile: @escaping @Sendable () -> Void = {}) {
            self.meanwhile = meanwhile
        }

        var texts: [String] { state.withLock(\.texts) }

        func answer(_ answer: HTTPBody.Taken) { state.withLock { $0.answer = answer } }

        func take(_ bytes: UnsafeRawBufferPointer) -> HTTPBody.Taken {
            meanwhile()
            return state.withLock {
                $0.texts.append(String(decoding: bytes, as: UTF8.self))
                return $0.answer
            }
        }
    }

    private let channel = BodyChannel()
    private let log = Log()

    private func come(_ text: String) -> Bool { Array(text.utf8).withUnsafeBytes { channel.append($0) } }

    /// Begins to wait for a piece.
    private func piece() -> Task<[UInt8]?, any Error> {
        Task.immediate { [channel, log] in try await channel.next(orTake: log).piece.get() }
    }

    @Test("a reader whose bytes are all taken waits on, until one has something to do")
    func taken() async throws {
        let piece = piece()
        #expect(!come("one"))
        #expect(!come("two"))
        log.answer(.some)
        #expect(!come("three"))
        #expect(try await piece.value == [])
        #expect(log.texts == ["one", "two", "three"])
    }

    @Test("what is not taken is the reader's, and what comes before it waits again")
    func notTaken() async throws {
        let first = piece()
        log.answer(.none)
        _ = come("one")
        _ = come("two")
        _ = come("three")
        #expect(try await first.value == Array("one".utf8))
        #expect(try await piece().value == Array("twothree".utf8))
        #expect(log.texts == ["one"])
    }

    @Test("an end that comes while bytes are taken is heard after them")
    func end() async throws {
        let log = Log { [channel] in channel.end(.cancelled) }
        let piece = Task.immediate { [channel] in try await channel.next(orTake: log).piece.get() }
        _ = come("one")
        await #expect(throws: HTTPClientError.self) { try await piece.value }
        #expect(log.texts == ["one"])
        _ = come("two")
        #expect(log.texts == ["one"])
    }

    @Test("nobody takes anything in place of a reader that does not ask for it")
    func former() async throws {
        let first = piece()
        log.answer(.some)
        _ = come("one")
        #expect(try await first.value == [])
        let second = Task.immediate { [channel] in try await channel.next().piece.get() }
        _ = come("two")
        #expect(try await second.value == Array("two".utf8))
        #expect(log.texts == ["one"])
    }
}
