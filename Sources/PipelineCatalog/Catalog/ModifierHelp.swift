import Pipeline

/// What each modifier does, for `stagecoach stages NAME`.
struct ModifierHelp {
    let text: String
    let example: String
    var settings: [SettingType.Named] = []

    static let all: [String: ModifierHelp] = [
        "label": ModifierHelp(
            text:
                "Its name in logs, metrics and graphs; by default the stage's name, with -2, -3 … where it comes again.",
            example: """
                - complete: {resource: cheap}
                  label: draft
                """),
        "async": ModifierHelp(
            text: "Hands the message to a queue, in memory or one under 'resources'; the next stage starts at once.",
            example: """
                - persist:
                  async: true                # in memory; {queue: outbox} for one under 'resources'
                """, settings: Chain.AsyncPolicy.settings),
        "timeout": ModifierHelp(
            text: "The deadline of one run, such as 30s; after it the error is 'timeout'.",
            example: """
                - http: {url: "https://api.example.com/tags?text={{prompt}}"}
                  timeout: 5s
                """),
        "retry": ModifierHelp(
            text: "Runs the stage again after errors that may pass.",
            example: """
                - complete:
                  retry: {attempts: 3, backoff: 500ms}
                """, settings: Chain.RetryPolicy.settings),
        "when": ModifierHelp(
            text: "Runs the stage only for messages for which every test holds: {FIELD: {TEST: VALUE}}. The tests are "
                + "\(Chain.Condition.Test.names.joined(separator: ", ")).",
            example: """
                - limit: {messages: 20}
                  when: {session.username: {equals: guest}}
                """),
        "on_error": ModifierHelp(
            text:
                "What happens where the stage fails: 'stop' (the client gets the error), 'continue' (it is logged and the "
                + "message goes on), or a list of stages that run instead.",
            example: """
                - complete:
                  on_error: [{transform: {completion: "Sorry: {{error.message}}"}}]
                """),
    ]
}
