import Pipeline

/// Shouts the prompt.
struct Shout: ImmediateStage {
    static let name = "shout"

    @Setting("How many exclamation marks to add.") var marks = 1

    var requires: Fields { [.prompt] }

    func run(_ message: inout Message) throws {
        message.prompt = message.prompt.uppercased() + String(repeating: "!", count: marks)
    }
}
