/// The files of a new stage: itself, its test, and a pipeline that uses it.
struct StageTemplate: NewPart {
    let name: PartName

    let noun = "stage"

    var lists: [(list: HostList, type: String)] { [(.stages, name.type)] }

    var source: String {
        """
        import Pipeline

        struct \(name.type): ImmediateStage {
            static let name = "\(name.inFiles)"
            static let summary = "Says the prompt louder."
            @Setting("How many exclamation marks it adds.") var marks = 1
            var requires: Fields { [.prompt] }

            func run(_ message: inout Message) throws {
                message.prompt = message.prompt.uppercased() + String(repeating: "!", count: marks)
            }
        }
        """
    }

    func test(in host: String) -> String {
        """
        import PipelineTesting
        import Testing

        @testable import \(host)

        @Suite("\(name.inFiles)")
        struct \(name.type)Tests {
            @Test("says the prompt louder, with as many marks as its entry says, and else with one")
            func louder() async throws {
                let stage = try StageTest("\(name.inFiles): {marks: 3}", stages: [\(name.type).self])
                let reply = try await stage.run("hello")
                #expect(reply.message.prompt == "HELLO!!!")
                let usual = try await StageTest("\(name.inFiles)", stages: [\(name.type).self]).run("hello")
                #expect(usual.message.prompt == "HELLO!")
            }

            @Test("keeps to the rules of stages")
            func rules() async {
                let findings = await StageConformance.findings(of: \(name.type).self)
                #expect(findings == [])
            }
        }
        """
    }

    var pipeline: String {
        """
        # '\(name.inFiles)' between 'receive' and 'complete', with a model that needs no key: it answers with what it is asked.
        pipeline: \(name.ofPackage)

        resources:
          model: echo

        stages:
          - receive: {path: /ws}
          - validate: {max_length: 8000}
          - \(name.inFiles): {marks: 1}
          - complete
          - respond
        """
    }
}
