import Pipeline

/// A line that a program wrote.
struct ProgramAnswer: Sendable, Equatable {
    /// The number of the line that it answers.
    let id: Int
    /// What it sets; `nil` where it says nothing of it.
    let fields: JSONValue?
    /// What it calls an error.
    let error: JSONValue?
    /// A piece of the answer that is still to come.
    let delta: JSONValue?

    /// Whether nothing more comes for the line that it answers.
    var isEnd: Bool { delta == nil || fields != nil || error != nil }

    /// - Throws: ``Problem`` where the line is no answer to anything.
    init(_ line: UnsafeRawBufferPointer) throws(Problem) {
        let value: JSONValue
        do throws(JSONReader.Problem) {
            value = try JSONReader.value(of: line, isLenient: true)
        } catch {
            throw Problem(line: line, "which is not JSON (\(error))")
        }
        guard case .object(let parts) = value else { throw Problem(line: line, "which is not a JSON object") }
        guard case .int(let id)? = parts["id"] else {
            throw Problem(line: line, "which has no number 'id' that says what it answers")
        }
        self.id = id
        fields = parts["fields"] == .null ? nil : parts["fields"]
        error = parts["error"] == .null ? nil : parts["error"]
        delta = parts["delta"] == .null ? nil : parts["delta"]
    }

    /// Why a line is no answer.
    struct Problem: Error, CustomStringConvertible {
        let description: String

        init(longerThan limit: Int) {
            description = "it wrote a line longer than 'max_line' (\(limit) bytes)"
        }

        /// The line may hold a prompt, which no log has: only its length is said.
        init(line: UnsafeRawBufferPointer, _ reason: String) {
            description =
                "it wrote a line of \(line.count) bytes on standard output, \(reason); "
                + "what is not an answer belongs on standard error"
        }
    }
}
