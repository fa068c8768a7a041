/// What a model answered.
public struct Completion: Sendable, Hashable {
    /// The answer's text.
    public var text: String

    /// Tokens that the API counted for prompt and answer together; `nil` where it said nothing.
    public var tokensUsed: Int?

    /// What an API says besides. In one reference, as every message pays for copies of its completion.
    private var details: Details?

    /// The API's whole response as JSON text, stored in the row's `metadata`.
    public var response: String? {
        get { details?.response }
        set { details = Details(response: newValue, finishReason: finishReason) }
    }

    /// How the answer ended, in the API's words: `stop`, `length`; `nil` where it did not say.
    public var finishReason: String? {
        get { details?.finishReason }
        set { details = Details(response: response, finishReason: newValue) }
    }

    /// An answer.
    public init(text: String, tokensUsed: Int? = nil, response: String? = nil, finishReason: String? = nil) {
        self.text = text
        self.tokensUsed = tokensUsed
        details = Details(response: response, finishReason: finishReason)
    }

    /// An answer whose response is written down only where somebody wants it.
    ///
    /// - Parameter response: Writes it, given the tokens.
    package init(text: String, tokensUsed: Int, response: @escaping @Sendable (Int) -> String) {
        self.text = text
        self.tokensUsed = tokensUsed
        details = Details(tokens: tokensUsed, response: response)
    }
}

private final class Details: Sendable, Hashable {
    private enum Response {
        case known(String?)
        case counted(Int, @Sendable (Int) -> String)
    }

    private let known: Response
    let finishReason: String?

    var response: String? {
        switch known {
        case .known(let text): text
        case .counted(let tokens, let write): write(tokens)
        }
    }

    /// `nil` where there are none.
    init?(response: String?, finishReason: String?) {
        if response == nil, finishReason == nil { return nil }
        known = .known(response)
        self.finishReason = finishReason
    }

    init(tokens: Int, response: @escaping @Sendable (Int) -> String) {
        known = .counted(tokens, response)
        finishReason = nil
    }

    static func == (left: Details, right: Details) -> Bool {
        left.response == right.response && left.finishReason == right.finishReason
    }

    func hash(into hasher: inout Hasher) {
        hasher.combine(response)
        hasher.combine(finishReason)
    }
}
