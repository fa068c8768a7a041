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
}

private final class Details: Sendable, Hashable {
    let response: String?
    let finishReason: String?

    /// `nil` where there are none.
    init?(response: String?, finishReason: String?) {
        if response == nil, finishReason == nil { return nil }
        self.response = response
        self.finishReason = finishReason
    }

    static func == (left: Details, right: Details) -> Bool {
        left.response == right.response && left.finishReason == right.finishReason
    }

    func hash(into hasher: inout Hasher) {
        hasher.combine(response)
        hasher.combine(finishReason)
    }
}
