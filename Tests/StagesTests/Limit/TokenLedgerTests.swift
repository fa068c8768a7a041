import Synchronization
import TestPatience
import Testing

@testable import Pipeline
@testable import Stages

@Suite("A budget of tokens", .timeLimit(.minutes(1)))
final class TokenLedgerTests: Sendable {
    private let ledger = TokenLedger()
    private let stored = Mutex(0)
    private let asked = Mutex(0)

    private static let day = Duration.seconds(86_400)

    private func message(_ name: String = "ada") -> Message { Message(prompt: "x", session: Session(username: name)) }

    /// A message that has passed the limit; `nil` where it was refused.
    private func admit(_ name: String = "ada", budget: Int = 100) async throws -> Message? {
        var message = message(name)
        let window = Window(of: .now, period: Self.day)
        let claim = try await ledger.admit(message, Row.User(message.session), to: budget, in: { window }) { _ in
            asked.withLock { $0 += 1 }
            return stored.withLock(\.self)
        }
        guard let claim else { return nil }
        message.claims.append(claim)
        return message
    }

    private func answer(_ message: inout Message, tokens: Int?) {
        message.completion = Completion(text: "y", tokensUsed: tokens)
        message.settleClaims()
    }

    @Test("while nobody knows what an answer costs, others wait; then as many go on as fit")
    func first() async throws {
        var one = try #require(try await admit())
        let results = Shared<[Bool]>([])
        await withTaskGroup(of: Void.self) { group in
            let (answered, tell) = AsyncStream.makeStream(of: Message?.self)
            for _ in 0..<20 {
                group.addTask {
                    let message = try? await self.admit()
                    results.value.withLock { $0.append(message != nil) }
                    tell.yield(message)
                }
            }
            while asked.withLock({ $0 < 21 }) { await Task.yield() }
            let none = results.value.withLock { $0.isEmpty }
            #expect(none)
            answer(&one, tokens: 30)
            // 30 are used and three more may be on their way: 30 + 3 * 30 is the budget and less than an answer.
            var messages: [Message] = []
            var seen = 0
            for await message in answered {
                seen += 1
                if let message { messages.append(message) }
                if messages.count == 3 { break }
            }
            let passed = results.value.withLock { $0.count { $0 } }
            #expect(passed == 3)
            for index in messages.indices { answer(&messages[index], tokens: 30) }
            while seen < 20 {
                for await message in answered {
                    #expect(message == nil)
                    seen += 1
                    if seen == 20 { break }
                }
            }
        }
        let passed = results.value.withLock { $0.count { $0 } }
        #expect(passed == 3)
    }

    @Test("answers of any cost can be added up", arguments: [Int.max, Int.min])
    func absurd(cost: Int) async throws {
        var first = try #require(try await admit())
        answer(&first, tokens: 10)
        var messages = [try #require(try await admit()), try #require(try await admit())]
        for index in messages.indices { answer(&messages[index], tokens: cost) }
        #expect(try await (admit() == nil) == (cost > 0))
    }

    @Test("what is in no row yet counts; once nothing is on its way, the table alone does")
    func rows() async throws {
        var one = try await admit()
        #expect(one != nil)
        if var message = one {
            answer(&message, tokens: 100)
            one = message
        }
        #expect(try await admit() == nil)
        one = nil
        // The account is quiet, and the table has none of it: the row could not be stored.
        try await Task.sleep(for: .milliseconds(1_100))
        #expect(try await admit() != nil)
    }

    @Test("a message that ends without an answer gives back what was reserved, whichever way it ends")
    func givenBack() async throws {
        var one = try #require(try await admit())
        answer(&one, tokens: 60)
        for _ in 0..<50 {
            let failed = try #require(try await admit())
            let copy = failed
            #expect(copy.claims.count == 1)
        }
        #expect(try await admit() != nil)
    }

    @Test("one that waits goes on when the message before it ends, and is cancelled with its own")
    func waiting() async throws {
        var one = try await admit()
        let second = Task { try await self.admit() }
        let third = Task { try await self.admit() }
        while asked.withLock({ $0 < 3 }) { await Task.yield() }
        third.cancel()
        await #expect(throws: CancellationError.self) { try await third.value }
        #expect(one != nil)
        one = nil
        #expect(try await second.value != nil)
    }

    @Test("what is reserved for messages that fail is free again for others beside one on its way")
    func freeAgain() async throws {
        var one = try #require(try await admit())
        answer(&one, tokens: 10)
        for _ in 0..<20 { #expect(try await admit() != nil) }
        let held = try await [admit(), admit(), admit()]
        #expect(held.allSatisfy { $0 != nil })
    }

    @Test("the one that has waited longest goes on first")
    func order() async throws {
        var one = try #require(try await admit())
        let account = try #require((one.claims.first as? TokenClaim)?.account)
        let second = Task { try await self.admit() }
        while account.waiting < 1 { await Task.yield() }
        let third = Task { try await self.admit() }
        while account.waiting < 2 { await Task.yield() }
        answer(&one, tokens: 60)
        var next = try #require(try await second.value)
        answer(&next, tokens: 60)
        #expect(try await third.value == nil)
    }

    @Test("nobody who comes later goes before those that wait, whatever fits")
    func turn() async throws {
        var one = try #require(try await admit())
        answer(&one, tokens: 60)
        let held = try #require(try await admit())
        let account = try #require((held.claims.first as? TokenClaim)?.account)
        let waiting = Task { try await self.admit() }
        while account.waiting < 1 { await Task.yield() }
        let later = Task { try await self.admit(budget: 1_000) }
        while account.waiting < 2 { await Task.yield() }
        for task in [later, waiting] {
            task.cancel()
            await #expect(throws: CancellationError.self) { try await task.value }
        }
        #expect(account.waiting == 0)
        withExtendedLifetime((one, held)) {}
    }

    @Test("no more than 128 of a user wait, and others are not kept")
    func bounded() async throws {
        let one = try await admit()
        let refused = Shared(0)
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<140 {
                group.addTask {
                    do {
                        _ = try await self.admit()
                    } catch let error as PipelineError where error.code == .busy {
                        refused.value.withLock { $0 += 1 }
                    } catch {}
                }
            }
            while refused.value.withLock({ $0 < 12 }) { await Task.yield() }
            #expect((try? await admit("bob")) != nil)
            group.cancelAll()
        }
        let count = refused.value.withLock(\.self)
        #expect(count == 12)
        #expect(one != nil)
    }

    @Test("a second limit in the same table neither reserves twice nor waits for the message itself")
    func twice() async throws {
        let message = try #require(try await admit())
        let window = Window(of: .now, period: Self.day)
        let again = try await ledger.admit(message, Row.User(message.session), to: 50, in: { window }) { _ in 0 }
        #expect(again === message.claims.first)
    }

    @Test("a model that counts no tokens keeps nobody waiting")
    func noTokens() async throws {
        var one = try #require(try await admit())
        answer(&one, tokens: nil)
        let more = try await [admit(), admit(), admit()]
        #expect(more.allSatisfy { $0 != nil })
    }

    @Test("a new period begins anew, also for those that wait")
    func period() async throws {
        let number = Mutex<Int64>(1)
        let window: () -> Window = {
            Window(of: Timestamp(microseconds: number.withLock(\.self) * 1_000_000), period: .seconds(1))
        }
        let one = message()
        let claim = try await ledger.admit(one, Row.User(one.session), to: 10, in: window) { _ in 0 }
        claim?.settle(tokens: 10)
        #expect(try await ledger.admit(one, Row.User(one.session), to: 10, in: window) { _ in 0 } == nil)
        number.withLock { $0 = 2 }
        let next = try await ledger.admit(message(), Row.User(one.session), to: 10, in: window) { _ in 0 }
        #expect(next != nil)
    }

    @Test("a new name costs the same however many users have messages on their way")
    func manyActive() async throws {
        var messages: [Message] = []
        func time(of number: Int) async throws -> Duration {
            let began = ContinuousClock.now
            for _ in 0..<number { messages.append(try #require(try await admit("user \(messages.count)"))) }
            return .now - began
        }
        let first = try await time(of: 2_000)
        _ = try await time(of: 10_000)
        // Forty times as long where each new name looks through all of them. Other tests run at the same time.
        var last = try await time(of: 2_000)
        for _ in 0..<2 { last = min(last, try await time(of: 2_000)) }
        #expect(last < first * 12)
    }

    @Test("100,000 names leave 10,000 accounts, and those that something is on its way for")
    func names() async throws {
        let held = try await admit("held", budget: 10)
        for number in 0..<30_000 { _ = try await admit("name \(number)") }
        #expect(ledger.count <= 2 * TokenLedger.share + 1)
        held?.claims.first?.settle(tokens: 10)
        #expect(try await admit("held", budget: 10) == nil)
    }

    @Test("the largest cost of late is reserved, and one out of the ordinary is not for ever")
    func estimate() {
        var largest = TokenAccount.largest(nil, 1_000)
        for _ in 0..<400 { largest = TokenAccount.largest(largest, 10) }
        #expect(largest == 10)
        #expect(TokenAccount.largest(10, 20) == 20)
    }
}

/// For tasks of a group, which can't share a local lock.
private final class Shared<Value: Sendable>: Sendable {
    let value: Mutex<Value>

    init(_ value: sending Value) {
        self.value = Mutex(value)
    }
}
