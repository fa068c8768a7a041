import Testing

@testable import Pipeline

@Suite("Wiring through composite stages")
struct CompositeWiringTests {
    private func problems(@Chain.Builder _ steps: () -> [Chain.Step]) -> [String] {
        do throws(Chain.BuildError) {
            _ = try Chain(steps)
            return []
        } catch {
            return error.problems
        }
    }

    private let some = Chain.Condition("prompt", .longerThan(1))

    @Test("a field is there after a route only if every case provides it, and no message passes by")
    func route() {
        #expect(
            problems {
                Entry()
                Chain.Route {
                    Chain.Route.Case(when: some) { Answer() }
                    Chain.Route.Case { Chain.Route { Chain.Route.Case { Answer() } } }
                }
                Reply()
            } == [])
        #expect(
            problems {
                Entry()
                Chain.Route {
                    Chain.Route.Case(when: some) { Answer() }
                    Chain.Route.Case { Probe() }
                }
                Reply()
            } == [
                "stage 'reply' needs 'completion', which 'route' does not provide in every case: 'answer' does; "
                    + "let a stage of every case provide it"
            ])
        #expect(
            problems {
                Entry()
                Chain.Route { Chain.Route.Case(when: some) { Answer() } }
                Reply()
            } == [
                "stage 'reply' needs 'completion', which 'route' provides only for messages that match a case: 'answer' does; "
                    + "add a last case without 'when' that provides it, too"
            ])
    }

    @Test("an attempt provides what both it and its 'catch' provide, and 'catch' finds the error")
    func attempt() {
        #expect(
            problems {
                Entry();
                Chain.Attempt {
                    Answer()
                } catch: {
                    Answer()
                }; Reply()
            } == [])
        #expect(
            problems {
                Entry();
                Chain.Attempt {
                    Answer()
                } catch: {
                    Probe()
                }; Reply()
            } == [
                "stage 'reply' needs 'completion', which 'attempt' does not provide where 'catch' runs: 'answer' does; "
                    + "let a stage of both provide it"
            ])
        let onCode = Chain.Condition("error.code", .equals(.string("timeout")))
        #expect(
            problems {
                Entry();
                Chain.Attempt {
                    Probe()
                } catch: {
                    Probe().when(onCode)
                }
            } == [])
        #expect(
            problems {
                Entry();
                Chain.Attempt {
                    Probe().when(onCode)
                } catch: {
                    Probe()
                }
            }.count == 1)
        #expect(
            problems {
                Entry();
                Chain.Attempt {
                    Answer()
                } catch: {
                    Reply()
                }
            }.count == 1)
    }

    @Test("what any of the branches at the same time provides is there after them, and not before")
    func parallel() {
        #expect(
            problems {
                Entry();
                Chain.Parallel {
                    Chain.StageList { Probe() }; Chain.StageList { Answer() }
                }; Reply()
            } == [])
        #expect(
            problems {
                Entry();
                Chain.Parallel {
                    Chain.StageList { Answer() }; Chain.StageList { Reply() }
                }
            } == [
                "stage 'reply' needs 'completion', which 'answer' provides in another branch of 'parallel'; move it above "
                    + "'parallel'"
            ])
    }

    @Test("two branches at the same time can't provide the same, nor both answer")
    func conflict() {
        #expect(
            problems {
                Entry();
                Chain.Parallel {
                    Chain.StageList { Answer() }; Chain.StageList { Answer().label("other") }
                }; Reply()
            } == [
                "'other' provides 'completion', as 'answer' does in another branch of 'parallel' at the same time; put one "
                    + "after the other"
            ])
        #expect(
            problems {
                Entry(); Answer();
                Chain.Parallel {
                    Chain.StageList { Reply() };
                    Chain.StageList {
                        Probe(); Reply()
                    }
                }
            }.count == 1)
    }

    @Test("a group in the background provides nothing after it, and a modifier takes certainty away")
    func uncertain() {
        #expect(
            problems {
                Entry(); Chain.InBackground { Answer() }; Reply()
            }.first?.contains("provides in the background") == true)
        let route = Chain.Route { Chain.Route.Case { Answer() } }
        for step in [route.when(some), route.onError(.continue)] {
            #expect(
                problems {
                    Entry(); step; Reply()
                }.count == 1)
        }
        #expect(
            problems {
                Entry(); route.onError(.run([Chain.Step(Answer())])); Reply()
            } == [])
    }

    @Test("a field that comes later, further out, is named with its place")
    func later() {
        #expect(
            problems {
                Entry(); Chain.Route { Chain.Route.Case { Reply() } }; Answer()
            } == ["stage 'reply' needs 'completion', which 'answer' provides later; move it below"])
    }

    @Test("messages come in at the top alone")
    func entry() {
        #expect(
            problems { Chain.Route { Chain.Route.Case { Entry() } } } == [
                "'entry' must be the first stage: messages come in there"
            ]
        )
    }

    @Test("a label is taken once in the whole chain")
    func labels() {
        #expect(
            problems {
                Probe().label("a"); Chain.Route { Chain.Route.Case { Probe().label("a") } }
            } == ["the label 'a' is taken by another stage"])
    }
}
