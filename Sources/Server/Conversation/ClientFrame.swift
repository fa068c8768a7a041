package import Pipeline

/// What a client says in JSON format.
///
/// Keys that are not known are ignored.
package enum ClientFrame {
    /// `{"prompt": "…", "id": "c-1", "username": "…", "metadata": {…}}`: something to answer.
    case prompt(Prompt)
    /// `{"type": "cancel", "id": "c-1"}`: no answer is wanted any more.
    case cancel(id: String)

    /// What is asked, and what the client says beside it.
    package struct Prompt {
        let prompt: String
        let id: String?
        let username: String?
        let metadata: [String: JSONValue]?
    }

    /// Why a frame is none of these, with the client's `id` where that can be read.
    package struct Refusal: Error {
        package let error: PipelineError
        package let id: String?
    }

    /// Reads a frame in JSON format.
    package static func read(_ frame: String) throws(Refusal) -> ClientFrame {
        let members: Members
        do throws(JSONReader.Problem) {
            members = try Members(frame)
        } catch {
            throw Refusal(error: PipelineError(.invalidJSON, "Message is not valid JSON"), id: nil)
        }
        do throws(Members.Problem) {
            if members.says("cancel", for: "type") { return .cancel(id: try members.text("id")) }
            return .prompt(
                Prompt(
                    prompt: try members.text("prompt"), id: try members.optionalText("id"),
                    username: try members.username(), metadata: try members.optionalObject("metadata")))
        } catch {
            throw Refusal(error: PipelineError(.invalidMessage, error.description), id: try? members.optionalText("id"))
        }
    }

    /// The client's `id`, whatever else the frame says.
    static func id(of frame: String) -> String? {
        try? Members(frame, wanted: ["id"]).optionalText("id")
    }

    /// What must be known at once of a frame that is read in its turn.
    enum Glance {
        /// It ends a message, and waits for no turn.
        case cancel(id: String)
        /// It is the client's message with that `id`.
        case message(id: String, PromptMark)
        /// It is a message without one, or can't be read.
        case other
    }

    /// Looks at a frame without keeping what it holds.
    static func glance(at frame: String) -> Glance {
        guard let members = try? Members(frame, wanted: ["type", "id", "prompt"]), let id = try? members.text("id")
        else { return .other }
        if members.says("cancel", for: "type") { return .cancel(id: id) }
        guard let prompt = try? members.text("prompt") else { return .other }
        return .message(id: id, PromptMark(prompt))
    }

    /// What is wanted of the frame's object; `nil` where it is none.
    private struct Members {
        private let values: [String: JSONValue]?

        struct Problem: Error {
            let description: String
        }

        init(
            _ frame: String, wanted: [String] = ["type", "prompt", "id", "username", "metadata"]
        ) throws(JSONReader.Problem) {
            values = try JSONReader.members(wanted, of: Array(frame.utf8))
        }

        func says(_ text: String, for key: String) -> Bool { values?[key] == .string(text) }

        func text(_ key: String) throws(Problem) -> String {
            guard let values else { throw Problem(description: "The message is not a JSON object") }
            guard let value = values[key] else { throw Problem(description: "The message has no '\(key)'") }
            guard case .string(let text) = value else { throw wrongType(key) }
            return text
        }

        func optionalText(_ key: String) throws(Problem) -> String? {
            switch values?[key] {
            case .string(let text): return text
            case .null, nil: return nil
            default: throw wrongType(key)
            }
        }

        func username() throws(Problem) -> String? {
            let name = try optionalText("username")
            guard name.map(UserName.isValid) ?? true else {
                throw Problem(description: "'username' of the message must have \(UserName.rule)")
            }
            return name
        }

        func optionalObject(_ key: String) throws(Problem) -> [String: JSONValue]? {
            switch values?[key] {
            case .object(let members): return members
            case .null, nil: return nil
            default: throw wrongType(key)
            }
        }

        private func wrongType(_ key: String) -> Problem {
            Problem(description: "'\(key)' of the message has the wrong type")
        }
    }
}
