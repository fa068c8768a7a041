import Testing

@testable import Pipeline

@Suite("Wiring")
struct WiringTests {
    private func problems(@Chain.Builder _ steps: () -> [Chain.Step]) -> [String] {
        do throws(Chain.BuildError) {
            _ = try Chain(steps)
            return []
        } catch {
            return error.problems
        }
    }

    @Test("a good order has no problem")
    func good() {
        #expect(
            problems {
                Entry(); Answer(); Reply()
            } == [])
    }

    @Test("a field that comes later is an error with the move that mends it")
    func later() {
        #expect(
            problems {
                Entry(); Reply(); Answer()
            }
                == ["stage 'reply' needs 'completion', which 'answer' provides later; move it below"])
    }

    @Test("a field that nobody provides is one error, not one for every stage after it")
    func missing() {
        #expect(
            problems {
                Entry(); Reply(); Reply().label("again")
            }
                == ["stage 'reply' needs 'completion', which no stage provides"])
    }

    @Test("what runs in the background provides nothing")
    func background() {
        let found = problems {
            Entry(); Answer().async(); Reply()
        }
        #expect(
            found == [
                "stage 'reply' needs 'completion', which 'answer' provides in the background; take its 'async' away"
            ])
    }

    @Test("what runs for some messages, or may fail, provides nothing for certain")
    func uncertain() {
        let condition = Chain.Condition("prompt", .longerThan(1))
        #expect(
            problems {
                Entry(); Answer().when(condition); Reply()
            }.count == 1)
        #expect(
            problems {
                Entry(); Answer().onError(.continue); Reply()
            }.count == 1)
        #expect(
            problems {
                Entry(); Answer().onError(.run([Chain.Step(Probe())])); Reply()
            }.count == 1)
        #expect(
            problems {
                Entry(); Answer().onError(.run([Chain.Step(Answer())])); Reply()
            } == [])
    }

    @Test("a condition needs the field it looks at")
    func condition() {
        let needsAnswer = Chain.Condition("completion", .startsWith("no"))
        #expect(
            problems {
                Entry(); Probe().when(needsAnswer); Answer()
            }.count == 1)
        #expect(
            problems {
                Entry(); Answer(); Probe().when(needsAnswer)
            } == [])
        #expect(
            problems {
                Entry(); Probe().when(Chain.Condition("completion", .present(false)))
            } == [])
    }

    @Test("messages come in at one place, the first")
    func entry() {
        #expect(
            problems {
                Probe(); Entry()
            } == ["'entry' must be the first stage: messages come in there"])
        #expect(
            problems {
                Entry(); Entry()
            } == ["a second 'entry': messages come in at one place"])
    }

    @Test("two stages can't have one label")
    func labels() {
        #expect(
            problems {
                Probe().label("a"); Probe().label("a")
            } == ["the label 'a' is taken by another stage"])
    }
}
