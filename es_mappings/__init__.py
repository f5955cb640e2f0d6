"""Index templates of the log store, one file per index and Elasticsearch major version; the log store's adapter installs them.

`gateway-log.es8.json`: without `index_patterns` and `aliases`, which follow from the index's name. `requestContent` names the
IK plugin's analyser; the adapter puts `standard` there on a cluster without that plugin. What no search asks for has
`index: false`: its values can be read and averaged, and cost no index. The file for version 9 is untested.
"""
