import Pipeline
import Synchronization
import Server

/// Tries a pipeline's resources and a conversation, one thing after the other, and says what it saw.
struct Doctor {
    /// What was seen of one thing.
    struct Finding {
        let what: String
        let isWell: Bool
        /// Whether it is well and might be better.
        var isAdvice = false
        let seen: String
        var remedy: String?

        var line: String {
            "\(isAdvice ? "!" : isWell ? "✓" : "✗") \(what): \(PrintableText.indented(seen))"
                + (remedy.map { "\n    \($0)" } ?? "")
        }
    }

    private let file: PipelineFile
    private let isQuick: Bool
    private let session = Session(username: "doctor")

    init(_ file: PipelineFile, isQuick: Bool) {
        self.file = file
        self.isQuick = isQuick
    }

    /// - Parameters:
    ///   - report: Gets what was seen.
    ///   - about: Is told what is looked at next.
    func examine(_ report: (Finding) -> Void, about: (String) -> Void = { _ in }) async {
        if let address = file.keySetAddress {
            about("keys of tokens")
            report(await examine(address))
        }
        let tables = StoredTable.all(in: file.chain)
        // Before they are opened, which makes them.
        let missing = tables.map(\.missingFile)
        about("resources")
        do {
            try await file.chain.openResources()
        } catch {
            await file.chain.close(within: .zero)
            return report(Finding(what: "resources", isWell: false, seen: "\(error)"))
        }
        var areTablesWell = true
        if tables.isEmpty { report(Finding(what: "database", isWell: true, seen: "the pipeline stores nothing")) }
        for (table, missing) in zip(tables, missing) {
            if let missing {
                report(
                    Finding(
                        what: "database", isWell: true, isAdvice: true,
                        seen:
                            "'\(missing)' was missing and has been created; a host looks for it in the folder that it runs in"
                    ))
            }
            about("database")
            for finding in await examine(table) {
                report(finding)
                areTablesWell = areTablesWell && finding.isWell
            }
        }
        if isQuick {
            await file.chain.close(within: .zero)
            return
        }
        var isModelWell = true
        for stage in file.chain.stages.compactMap({ $0 as? any AskingStage }) {
            guard let first = stage.asked.first else { continue }
            about("model")
            let finding = await examine(first, as: stage)
            report(finding)
            isModelWell = isModelWell && finding.isWell
        }
        await file.chain.close(within: .zero)
        guard areTablesWell && isModelWell else { return }
        about("a conversation of three")
        report(await converse(tables))
    }

    private func examine(_ address: KeySetAddress) async -> Finding {
        let what = "keys of tokens"
        do throws(KeySetProblem) {
            let keys = try await address.look()
            let notes = keys.notes.map { "; not used: \($0)" } ?? ""
            return Finding(what: what, isWell: true, seen: "\(keys.contents) at \(address.shown)\(notes)")
        } catch {
            return Finding(
                what: what, isWell: false, seen: "\(error)",
                remedy: "check 'jwks' under 'host': the address is the 'jwks_uri' of the issuer's configuration")
        }
    }

    private func examine(_ table: StoredTable) async -> [Finding] {
        let kind = type(of: table.store).name
        do {
            try await table.waitUntilReady()
        } catch {
            return [
                Finding(
                    what: "database", isWell: false, seen: "\(kind) does not answer: \(error)",
                    remedy: "check its address and password under 'resources', and that it runs")
            ]
        }
        var findings = [Finding(what: "database", isWell: true, seen: "\(kind) is connected")]
        do {
            try await table.store.prepare(table: table.name)
            if let problem = TableProblem(try await table.store.problems(of: table.name)) { throw problem }
            findings.append(Finding(what: "table", isWell: true, seen: "'\(table.name)' has every column"))
            findings += try await table.advice().map { Finding(what: "table", isWell: true, isAdvice: true, seen: $0) }
        } catch let problem as TableProblem {
            var problems = problem.problems.map { Finding(what: "table", isWell: false, seen: $0) }
            problems[problems.endIndex - 1].remedy =
                "'stagecoach migrate \(file.path)' makes what is missing where it can"
            return findings + problems
        } catch {
            return findings + [Finding(what: "table", isWell: false, seen: "\(error)")]
        }
        return findings + (await saveAndReadBack(table))
    }

    private func saveAndReadBack(_ table: StoredTable) async -> [Finding] {
        let message = Message(prompt: "Is anyone there?", session: session)
        let row = Row(
            id: message.id, sessionID: session.id, prompt: message.prompt, response: "Yes.", tokensUsed: 1,
            metadata: #"{"doctor":true}"#, username: session.username, createdAt: message.receivedAt)
        do {
            try await table.store.insert([row], into: table.name)
        } catch {
            return [Finding(what: "save a message", isWell: false, seen: "\(error)")]
        }
        let saved = Finding(what: "save a message", isWell: true, seen: "row \(row.id) is in '\(table.name)'")
        do {
            let rows = try await table.store.rows(ofSession: session.id, in: table.name, limit: 10)
            try await table.store.delete([row.id], from: table.name)
            let isSame = rows.contains { $0.id == row.id && $0.prompt == row.prompt && $0.response == row.response }
            return [
                saved,
                Finding(
                    what: "read it back", isWell: isSame,
                    seen: isSame ? "the same prompt and answer" : "the row is not what was saved"),
            ]
        } catch {
            return [saved, Finding(what: "read it back", isWell: false, seen: "\(error)")]
        }
    }

    /// - Parameter stage: The stage that asks it.
    private func examine(_ asked: AskedModel, as stage: some AskingStage) async -> Finding {
        let start = ContinuousClock.now
        do {
            let answer = try await asked.model.complete(
                CompletionRequest(
                    model: stage.model, turns: [.init(.user, "Say yes.")], timeout: stage.timeout))
            let milliseconds = (ContinuousClock.now - start) / .milliseconds(1)
            return Finding(
                what: "model", isWell: true,
                seen:
                    "'\(stage.model.isEmpty ? asked.name : stage.model)' answered \"\(answer.text.prefix(60))\" in \(Int(milliseconds)) ms"
            )
        } catch {
            return Finding(
                what: "model", isWell: false, seen: "\(error)",
                remedy: "check 'url' and 'key' of the model under 'resources', and the model's name")
        }
    }

    /// Three messages through the whole chain, and their rows where they are stored.
    private func converse(_ tables: [StoredTable]) async -> Finding {
        let what = "a conversation of three"
        do {
            try await file.chain.open()
        } catch {
            return Finding(what: what, isWell: false, seen: "\(error)")
        }
        let collector = AnswerCollector()
        var ids: [UniqueID] = []
        var failure: PipelineError?
        for prompt in ["One.", "Two.", "Three."] {
            var message = Message(prompt: prompt, session: session, reply: collector)
            ids.append(message.id)
            do throws(PipelineError) {
                try await file.chain.run(&message)
            } catch {
                failure = error
                break
            }
        }
        var stored = true
        if failure == nil {
            for table in tables { stored = await areStored(ids, in: table) && stored }
        }
        for table in tables { try? await table.store.delete(ids, from: table.name) }
        await file.chain.close(within: .seconds(5))
        if let failure { return Finding(what: what, isWell: false, seen: "\(failure)") }
        let answers = collector.count
        let rows =
            tables.isEmpty ? "" : stored ? ", stored in order" : ", but not all rows came into the table in order"
        return Finding(what: what, isWell: answers == 3 && stored, seen: "\(answers) of 3 answered\(rows)")
    }

    /// Whether the rows are there, in order, or come within the time that a queue may take.
    private func areStored(_ ids: [UniqueID], in table: StoredTable) async -> Bool {
        let deadline = ContinuousClock.now + .seconds(5)
        while ContinuousClock.now < deadline {
            let rows = try? await table.store.rows(ofSession: session.id, in: table.name, limit: 10)
            if rows?.map(\.id).filter(ids.contains) == ids { return true }
            try? await Task.sleep(for: .milliseconds(20))
        }
        return false
    }
}

/// Counts answers.
private final class AnswerCollector: Reply {
    private let answers = Atomic<Int>(0)

    var count: Int { answers.load(ordering: .relaxed) }

    func answer(_ message: Message) { answers.add(1, ordering: .relaxed) }

    func abandon(_ message: Message) {}
}
