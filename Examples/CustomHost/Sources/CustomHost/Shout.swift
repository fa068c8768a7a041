import Pipeline

/// Shouts the prompt.
struct Shout: Stage {
    static let name = "shout"

    @Setting("How many exclamation marks to add.") var marks = 1

    var requires: Fields { [.prompt] }

    func run(_ message: inout Message) async throws {
        message.prompt = message.prompt.uppercased() + String(repeating: "!", count: marks)
    }
}
