import Testing

@testable import Pipeline
@testable import PipelineCatalog

@Suite("Composite stages in drawings and explanations")
struct CompositeDrawingTests {
    private static let text = """
        pipeline: test
        stages:
          - entry
          - route:
              - when: {prompt: {starts_with: "${SECRET}"}}
                stages: [probe]
              - stages:
                  - attempt: [answer]
                    catch: [{answer: {}, label: sorry}]
          - parallel: [[mark], [{batch_probe: {}, label: store}]]
            timeout: 3s
          - background: {stages: [{mark: {word: x}, label: late}], when_full: drop}
          - probe:
            when: {prompt: {longer_than: 3}}
        """

    private func file() throws -> PipelineFile {
        let registry = try Registry(stages: [
            Entry.self, Probe.self, Answer.self, Mark.self, BatchProbe.self, Chain.Route.self, Chain.Attempt.self,
            Chain.Parallel.self,
            Chain.InBackground.self,
        ])
        let loaded = PipelineLoader(registry: registry, environment: Environment(process: ["SECRET": "s3cret"])).load(
            SourceFile(path: "test.yaml", text: Self.text))
        return try #require(loaded.file, "\(loaded.report)")
    }

    @Test("text shows what is inside")
    func text() throws {
        #expect(
            GraphFormat.text.draw(PipelineGraph(try file())) == """
                test
                  client
                    │
                    ├─ entry
                    ├─ route
                    │    when prompt starts with ${SECRET}:
                    │    ├─ probe
                    │    otherwise:
                    │    ├─ attempt
                    │    │    attempt:
                    │    │    ├─ answer
                    │    │    catch:
                    │    │    ├─ sorry (answer)
                    ├─ parallel  [timeout 3s]
                    │    branch 1:
                    │    ├─ mark
                    │    branch 2:
                    │    ├─ store (batch_probe)
                    ├┄┄▷ background  [in the background: queue in memory, 1000, drop when full]
                    │    ├─ late (mark)
                    ├─ probe-2 (probe)  [when prompt is longer than 3]
                    ▼
                  client
                """)
    }

    @Test("arrows lead through every branch and join after it")
    func mermaid() throws {
        #expect(
            GraphFormat.mermaid.draw(PipelineGraph(try file())) == """
                flowchart LR
                  client([client])
                  s0["entry"]
                  client --> s0
                  s1["route"]
                  s0 --> s1
                  s2["probe"]
                  s1 -->|"when prompt starts with ${SECRET}"| s2
                  s3["attempt"]
                  s1 -->|otherwise| s3
                  s4["answer"]
                  s3 -->|attempt| s4
                  s5["sorry"]
                  s3 -->|catch| s5
                  s6["parallel<br>timeout 3s"]
                  s2 --> s6
                  s4 --> s6
                  s5 --> s6
                  s7["mark"]
                  s6 -->|branch 1| s7
                  s8["store"]
                  s6 -->|branch 2| s8
                  s9["background"]
                  s7 -.->|queue| s9
                  s8 -.->|queue| s9
                  s10["late"]
                  s9 --> s10
                  s11["probe-2"]
                  s7 -->|when prompt is longer than 3| s11
                  s8 -->|when prompt is longer than 3| s11
                  s11 --> client
                """)
        let dot = GraphFormat.dot.draw(PipelineGraph(try file()))
        #expect(dot.contains("s3 -> s5 [label=\"catch\", style=dotted];"))
        #expect(!dot.contains("s3cret"))
    }

    @Test("tests are said in words, without what may be a secret")
    func conditions() {
        let written = Chain.Condition("prompt", .startsWith("/help \"me\"")).and(
            "topic", .oneOf([.string("a"), .int(5)])
        )
        .and("prompt", .longerThan(3)).and("metadata.x", .present(false)).and(
            "header.Authorization", .equals(.string("s"))
        )
        .and("metadata.api_key", .equals(.string("k"))).and(
            "prompt", .equals(.string(String(repeating: "x", count: 50))))
        #expect(
            written.words == [
                #"prompt starts with "/help "me"""#, #"topic is one of "a", 5"#, "prompt is longer than 3",
                "metadata.x is not present", "header.Authorization equals …", "metadata.api_key equals …",
                "prompt equals \"\(String(repeating: "x", count: 31))…\"",
            ])
    }

    @Test("the explanation says what is waited for, and what can be lost, inside them")
    func explanation() throws {
        #expect(
            Explanation(try file()).text == """
                pipeline test

                What a client waits for:
                  1. entry: the client waits, as long as it takes
                  2. route: one of its cases runs; the client waits, as long as it takes
                     when prompt:
                       probe: the client waits, as long as it takes
                     otherwise:
                       attempt: 'catch' runs where it fails; the client waits, as long as it takes
                         attempt:
                           answer: the client waits, as long as it takes
                         catch:
                           sorry: the client waits, as long as it takes
                  3. parallel: its branches run at the same time; the client waits, at most 3s
                     branch 1:
                       mark: the client waits, as long as it takes
                     branch 2:
                       store: the client waits, as long as it takes
                  4. background: runs in the background; the next stage begins at once; a full queue drops the message
                     in the background:
                       late: nobody waits, as long as it takes
                  5. probe-2: the client waits, as long as it takes (only for messages that 'when' selects)
                  No stage answers the client.

                The longest a client waits for its answer, its own earlier messages left out:
                  3s
                  and as long as 'entry' takes: nothing bounds it; a 'timeout' beside it does
                  and as long as 'probe' takes: nothing bounds it; a 'timeout' beside it does
                  and as long as 'answer' takes: nothing bounds it; a 'timeout' beside it does
                  and as long as 'sorry' takes: nothing bounds it; a 'timeout' beside it does
                  and as long as 'probe-2' takes: nothing bounds it; a 'timeout' beside it does

                What can be lost, and when:
                  background: what waits (at most 1000 messages) is lost when the process is killed, and flushed when the host is stopped
                  background: what waits is kept while the database is down, up to 1000 messages and 16 MiB of memory
                  background: what waits is lost with the machine
                  background: what comes while the queue is full is dropped, counted and logged
                  background: what fails for good is logged and gone; 'dead_letter' would keep it
                  store: nothing that was answered: it is done before the answer leaves
                """)
    }
}
