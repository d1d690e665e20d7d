"""An agent in another language: the standard library, a base URL and a key."""
import json
import sys
import urllib.request

base_url, api_key, *questions = sys.argv[1:]
TOOL = {"type": "function", "function": {"name": "add", "description": "Adds.", "parameters": {"type": "object", "properties": {"a": {"type": "number"}, "b": {"type": "number"}}}}}


def answer(messages):
    request = urllib.request.Request(
        f"{base_url}/chat/completions",
        data=json.dumps({"model": "any", "messages": messages, "tools": [TOOL]}).encode(),
        headers={"authorization": f"Bearer {api_key}", "content-type": "application/json"},
    )
    with urllib.request.urlopen(request) as response:
        return json.load(response)["choices"][0]["message"]


messages = [{"role": "system", "content": "You add."}]
for question in questions:
    messages.append({"role": "user", "content": question})
    while calls := (message := answer(messages)).get("tool_calls"):
        # As many clients do: only what they know, and arguments written anew.
        for call in calls:
            call["function"]["arguments"] = json.dumps(json.loads(call["function"]["arguments"]), sort_keys=True)
        messages.append({"role": "assistant", "content": message["content"], "tool_calls": calls})
        for call in calls:
            arguments = json.loads(call["function"]["arguments"])
            messages.append({"role": "tool", "tool_call_id": call["id"], "content": str(arguments["a"] + arguments["b"])})
    messages.append({"role": "assistant", "content": message["content"]})
    print(message["content"].strip())
