import NIOCore
import Pipeline
import Testing

@testable import Server

@Suite("Answers that are remembered")
struct AnswersOfMessagesTests {
    private final class Client {}

    private let budget = KeptBudget(limit: 1 << 20)
    private let answers: RememberedAnswers
    private let client = Client()
    private let other = Client()
    private let start = NIODeadline.now()

    init() {
        answers = RememberedAnswers(budget)
        budget.watch([answers])
    }

    private func key(
        _ id: String, pipeline: String = "p", session: String = "s", user: String? = nil, prompt: String? = "q"
    ) -> RememberedAnswers.Key {
        RememberedAnswers.Key(
            pipeline: ExactText(pipeline), session: session, user: user.map { ExactText($0) }, id: ExactText(id),
            prompt: prompt.map(PromptMark.init))
    }

    private func frame(_ text: String) -> ServerFrame { .error(PipelineError(.busy, text), clientID: nil, in: .text) }

    /// What is said of a message that comes.
    private func find(
        _ key: RememberedAnswers.Key, _ prompt: String = "q", after time: TimeAmount = .zero
    ) -> String {
        let finding = answers.begin(key, PromptMark(prompt), for: ObjectIdentifier(client), at: start + time) {
            preconditionFailure("nobody else asks")
        }
        return switch finding {
        case .new: "new"
        case .asked: "asked"
        case .awaited: "awaited"
        case .answered(let frame): frame.map { "answered \($0.text(sequence: 1))" } ?? "answered with nothing"
        case .otherPrompt: "another prompt"
        }
    }

    private func end(
        _ key: RememberedAnswers.Key, _ text: String?, for time: Duration = .seconds(60), after: TimeAmount = .zero
    ) {
        answers.end(key, .answered(text.map(frame)), for: time, at: start + after)
    }

    @Test("are one for who asks twice, while it is worked on and after")
    func twice() {
        #expect(find(key("1")) == "new")
        #expect(find(key("1")) == "asked")
        end(key("1"), "a")
        #expect(find(key("1")) == "answered a")
        #expect(find(key("2")) == "new")
        end(key("2"), nil)
        #expect(find(key("2")) == "answered with nothing")
    }

    @Test("are nobody else's: not another session's, user's or pipeline's, nor that of an id which only looks the same")
    func others() {
        let (composed, apart) = ("\u{E9}", "e\u{301}")
        #expect(find(key(composed, user: composed)) == "new")
        end(key(composed, user: composed), "a")
        for key in [
            key(composed), key(composed, user: apart), key(apart, user: composed),
            key(composed, session: "t", user: composed), key(composed, pipeline: "r", user: composed),
            key(composed, user: composed, prompt: "r"),
        ] {
            #expect(find(key) == "new")
        }
        #expect(find(key(composed, user: composed)) == "answered a")
    }

    @Test("are not given to another prompt where an id stands for one alone")
    func otherPrompt() {
        let key = key("1", prompt: nil)
        #expect(find(key, "q") == "new")
        #expect(find(key, "r") == "another prompt")
        end(key, "a")
        #expect(find(key, "r") == "another prompt")
        #expect(find(key, "q") == "answered a")
    }

    @Test("are none of errors: the message is worked on again")
    func failed() {
        #expect(find(key("1")) == "new")
        answers.end(key("1"), .failed, for: .seconds(60), at: start)
        #expect(find(key("1")) == "new")
        #expect(budget.state(of: .answers).bytes == 0)
    }

    @Test("are forgotten after their time, and what they took is given back")
    func expiry() {
        #expect(find(key("1")) == "new")
        end(key("1"), "a", for: .seconds(10))
        #expect(budget.state(of: .answers).bytes == key("1").size + frame("a").size)
        #expect(find(key("1"), after: .seconds(9)) == "answered a")
        #expect(find(key("1"), after: .seconds(10)) == "new")
        end(key("1"), "b", for: .seconds(10), after: .seconds(10))
        #expect(find(key("1"), after: .seconds(19)) == "answered b")
        #expect(budget.state(of: .answers).bytes == key("1").size + frame("b").size)
        answers.sweep(at: start + .seconds(20))
        #expect(budget.state(of: .answers).bytes == 0)
        #expect(answers.oldest == nil)
    }

    @Test("go, the oldest first, where too much is kept")
    func surplus() {
        let small = KeptBudget(limit: 4 * (key("1").size + frame("a").size))
        let answers = RememberedAnswers(small)
        small.watch([answers])
        for number in 1...6 {
            let key = key("\(number)")
            _ = answers.begin(key, PromptMark("q"), for: ObjectIdentifier(client), at: start) {
                preconditionFailure("nobody else asks")
            }
            answers.end(key, .answered(frame("a")), for: .seconds(60), at: start)
        }
        #expect(small.state(of: .answers).bytes == small.limit)
        #expect(small.state(of: .answers).dropped == 2)
        for number in 1...6 {
            let finding = answers.begin(key("\(number)"), PromptMark("q"), for: ObjectIdentifier(other), at: start) {
                preconditionFailure("nobody else asks")
            }
            let isKept = if case .answered = finding { true } else { false }
            #expect(isKept == (number > 2))
        }
    }
}
