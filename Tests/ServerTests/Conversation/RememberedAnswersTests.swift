import NIOCore
import NIOPosix
import Pipeline
import Testing

@testable import Server

@Suite("Remembered answers, and what is kept in all")
struct RememberedAnswersTests {

    private let loop = MultiThreadedEventLoopGroup.singleton.next()
    private let now = NIODeadline.uptimeNanoseconds(1_000_000_000_000)

    private func key(_ id: String, prompt: String? = "p", user: String? = nil) -> RememberedAnswers.Key {
        .init(
            pipeline: ExactText("flow"), session: "s", user: user.map { ExactText($0) }, id: ExactText(id),
            prompt: prompt.map { PromptMark($0) })
    }

    private func frame(_ text: String) -> ServerFrame {
        var message = Message(prompt: "p")
        message.completion = Completion(text: text)
        return .response(to: message, in: .json)
    }

    private func finding(
        _ answers: RememberedAnswers, _ key: RememberedAnswers.Key, _ prompt: String = "p", by owner: AnyObject,
        at now: NIODeadline? = nil
    ) -> String {
        let found = answers.begin(key, PromptMark(prompt), for: ObjectIdentifier(owner), at: now ?? self.now) {
            fatalError("nobody is to wait here")
        }
        return switch found {
        case .new: "new"
        case .asked: "asked"
        case .awaited: "awaited"
        case .answered(let frame): frame?.text(sequence: 1) == nil ? "nothing" : "answered"
        case .otherPrompt: "other"
        }
    }

    private final class Owner {}

    @Test("what was answered is known for its time; an error, another user, id or prompt is new")
    func known() {
        let (kept, owner) = (Kept(), Owner())
        let answers = kept.answers
        #expect(finding(answers, key("a"), by: owner) == "new")
        #expect(finding(answers, key("a"), by: owner) == "asked")
        answers.end(key("a"), .answered(frame("x")), for: .seconds(60), at: now)
        #expect(finding(answers, key("a"), by: owner) == "answered")
        #expect(finding(answers, key("a", user: "ann"), by: owner) == "new")
        #expect(finding(answers, key("a", prompt: "q"), by: owner) == "new")
        #expect(finding(answers, key("b"), by: owner) == "new")
        answers.end(key("b"), .failed, for: .seconds(60), at: now)
        #expect(finding(answers, key("b"), by: owner) == "new")
        answers.end(key("b"), .answered(nil), for: .seconds(60), at: now)
        #expect(finding(answers, key("b"), by: owner) == "nothing")
        #expect(finding(answers, key("a"), by: owner, at: now + .seconds(60)) == "new")
    }

    @Test("where an id stands for one prompt, another is told apart, worked on or answered")
    func onePrompt() {
        let (answers, owner) = (Kept().answers, Owner())
        #expect(finding(answers, key("a", prompt: nil), by: owner) == "new")
        #expect(finding(answers, key("a", prompt: nil), "q", by: owner) == "other")
        answers.end(key("a", prompt: nil), .answered(frame("x")), for: .seconds(60), at: now)
        #expect(finding(answers, key("a", prompt: nil), by: owner) == "answered")
        #expect(finding(answers, key("a", prompt: nil), "q", by: owner) == "other")
    }

    @Test("prompts are told apart by their bytes, long ones by their SHA-256")
    func prompts() {
        #expect(PromptMark("caf\u{E9}") != PromptMark("cafe\u{301}"))
        let long = String(repeating: "x", count: 1_000)
        #expect(PromptMark(long) == PromptMark(long) && PromptMark(long) != PromptMark(long + "x"))
        #expect(PromptMark(long).size == 32)
        // printf abc | sha256sum
        #expect(
            TextDigest("abc").words[0] == 0xba78_16bf_8f01_cfea && TextDigest("abc").words[3] == 0xb410_ff61_f200_15ad)
        #expect(TextDigest("a", "b") != TextDigest("ab", "") && TextDigest("a", "b") == TextDigest("a\0b"))
    }

    @Test("the oldest go first, whichever kind they are, and no more is kept than may be")
    func bounded() throws {
        let kept = Kept(limit: 100_000)
        let owner = Owner()
        for number in 0..<1_000 {
            _ = finding(kept.answers, key("\(number)"), by: owner)
            kept.answers.end(key("\(number)"), .answered(frame("x")), for: .seconds(60), at: now)
            #expect(kept.budget.state(of: .answers).bytes <= 100_000)
        }
        #expect(finding(kept.answers, key("0"), by: owner) == "new")
        #expect(finding(kept.answers, key("999"), by: owner) == "answered")
        #expect(kept.budget.state(of: .answers).dropped > 800)
        let pipeline = try ServedPipeline.forTests(onDisconnect: .hold(.seconds(60)))
        func place(_ session: String?, at now: NIODeadline) throws -> SessionSeat? {
            let query = QueryItems(session.map { "session=\($0)" } ?? "")
            return try kept.sessions.seat(
                for: Admission(pipeline: pipeline, query: query, address: nil), limit: 50_000, at: now)
        }
        let first = "5f350470-f5d5-4d96-93db-8d732a78cfc9"
        #expect(try place(first, at: now)?.isKnown == false)
        #expect(try place(first, at: now)?.isKnown == true)
        for _ in 0..<30 {
            try #require(try place(nil, at: now)).session.deliver(frame(String(repeating: "x", count: 10_000)))
        }
        #expect(KeptBudget.Kind.allCases.map { kept.budget.state(of: $0).bytes }.reduce(0, +) <= 100_000)
        #expect(finding(kept.answers, key("999"), by: owner) == "new")
        #expect(try place(first, at: now)?.isKnown == false)
        // What nobody came back to is let go of after its time.
        kept.sweep(at: now + .seconds(61))
        #expect(KeptBudget.Kind.allCases.map { kept.budget.state(of: $0).bytes } == [0, 0, 0])
        #expect(try place(first, at: now + .seconds(61))?.isKnown == false)
        #expect(try place(first, at: now + .seconds(122))?.isKnown == false)
    }
}
